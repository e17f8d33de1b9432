//! Administration of the settings: a page per section, the history, undo.

use askama::Template;
use axum::extract::multipart::MultipartRejection;
use axum::extract::{Multipart, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Deserialize;

use super::form_fields::{CHECKED, FieldGroup, Input, Typed};
use super::forms::FormErrors;
use super::layout::{Frame, PageError, PageResult, private_page, see_other};
use super::settings_form::Section;
use super::view::filters;
use crate::http::api::settings::{ImageFile, SettingChange, SettingsDocument};
use crate::http::extract::{ApiPath, PostedForm, is_own_token, stale_form};
use crate::http::visitor::Visitor;
use crate::http::{App, MAX_BODY_BYTES, Problem, notice, texts};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use shopease_shop::domain::{BrandImage, Category, Format, RuleError, Subject, ValueRule};
use shopease_shop::ports::{SettingsVersion, VersionedSettings};
use shopease_shop::services::{
    FindSettings, ListCategories, ListSettingsVersions, RestoreSettings, UpdateSettings, ViewSettings,
};
use shopease_shop::{ShopError, ShopResult};

/// The notice that the settings were saved.
const SAVED: &str = "settings-saved";
/// Longest value that a comparison shows, in characters.
const SHOWN_CHARS: usize = 120;

#[derive(Template)]
#[template(path = "admin_settings.html")]
struct SettingsPage {
    frame: Frame,
    csrf: String,
    section: Section,
    version: u64,
    groups: Vec<FieldGroup>,
    errors: FormErrors,
    problem: Option<String>,
    /// Who changed the section while it was edited.
    conflict: Option<SettingsVersion>,
    saved: bool,
}

impl SettingsPage {
    /// Number of rows of a form with rows.
    fn rows(&self) -> usize {
        self.groups.iter().filter(|group| group.legend.is_some()).count()
    }

    /// The images of the section, which have forms of their own: files are large, and saved at once.
    fn images(&self) -> Vec<ImageField> {
        if self.section != Section::Shop {
            return Vec::new();
        }
        vec![
            ImageField {
                image: BrandImage::Logo,
                url: self.frame.logo.clone(),
                hint: "It is shown 40 pixels high, on light and dark backgrounds.",
            },
            ImageField {
                image: BrandImage::Icon,
                url: self.frame.icon.clone(),
                hint: "A square is best, with at least 180 pixels. Browser tabs and home screens show it; without one, they \
                       show the first letter of the name.",
            },
        ]
    }
}

/// The form of an image.
struct ImageField {
    image: BrandImage,
    url: Option<String>,
    hint: &'static str,
}

impl ImageField {
    const fn setting(&self) -> &'static str {
        setting_of(self.image)
    }

    fn label(&self) -> &'static str {
        texts::setting_label(self.setting())
    }
}

/// What a page shows beside the stored settings.
#[derive(Default)]
struct Attempt {
    typed: Option<Typed>,
    errors: FormErrors,
    problem: Option<String>,
    conflict: Option<SettingsVersion>,
    saved: bool,
}

/// The entries of the menu: name, title, whether it is the current one.
pub fn menu(current: &str) -> Vec<(&'static str, String, bool)> {
    Section::all().map(|section| (section.name(), section.title(), section.name() == current)).collect()
}

fn path_of(section: Section) -> String {
    format!("/admin/settings/{}", section.name())
}

/// Redirects to the first section.
pub(in crate::http) async fn index(State(app): State<App>, visitor: Visitor) -> PageResult {
    let path = path_of(Section::Shop);
    current(&app, &visitor, &path).await?;
    Ok(see_other(&path))
}

fn section_named(name: &str) -> ShopResult<Section> {
    Section::find(name).ok_or(ShopError::NotFound { subject: Subject::Page })
}

/// Shows a section.
pub(in crate::http) async fn show(
    State(app): State<App>,
    visitor: Visitor,
    ApiPath(name): ApiPath<String>,
    headers: HeaderMap,
) -> PageResult {
    let section = section_named(&name)?;
    let current = current(&app, &visitor, &path_of(section)).await?;
    let saved = notice::read(&headers, &[(SAVED, ())]).is_some();
    let attempt = Attempt { saved, ..Attempt::default() };
    let mut response = section_page(&app, &visitor, section, &current, StatusCode::OK, attempt).await?;
    if saved {
        notice::clear(&mut response, &app.config);
    }
    Ok(response)
}

async fn current(app: &App, visitor: &Visitor, path: &str) -> Result<VersionedSettings, PageError> {
    let current = app.services.settings.view_settings(visitor.caller(), ViewSettings).await;
    current.map_err(|error| PageError::or_sign_in(error, path))
}

async fn categories(app: &App) -> Vec<Category> {
    app.services.catalog.list_categories(ListCategories).await.unwrap_or_default()
}

async fn section_page(
    app: &App,
    visitor: &Visitor,
    section: Section,
    current: &VersionedSettings,
    status: StatusCode,
    attempt: Attempt,
) -> PageResult {
    let document = SettingsDocument::from(current.settings.clone());
    let categories = categories(app).await;
    let groups = match &attempt.typed {
        Some(typed) => section.typed_groups(&document, &categories, typed),
        None => section.groups(&document, &categories),
    };
    let frame = Frame::new(app, visitor, "settings").await;
    // Entries stay based on the version that they were made on, until their conflict with a newer one was shown.
    let based_on = attempt.typed.as_ref().filter(|_| attempt.conflict.is_none());
    let based_on = based_on.and_then(|typed| typed.get("version").parse().ok());
    let (csrf, version) = (visitor.csrf(), based_on.unwrap_or(current.about.version));
    let Attempt { errors, problem, conflict, saved, .. } = attempt;
    private_page(status, &SettingsPage { frame, csrf, section, version, groups, errors, problem, conflict, saved })
}

/// A form of a section; it can contain a page of the longest length.
type SectionForm = PostedForm<Vec<(String, String)>, MAX_BODY_BYTES>;

/// Saves a section. What was changed in other sections meanwhile stays.
pub(in crate::http) async fn save(
    State(app): State<App>,
    visitor: Visitor,
    ApiPath(name): ApiPath<String>,
    form: SectionForm,
) -> PageResult {
    let section = section_named(&name)?;
    let typed = match form {
        PostedForm::Current(fields) => Typed(fields),
        PostedForm::Stale(fields) => return stale(&app, &visitor, section, Typed(fields)).await,
    };
    let current = current(&app, &visitor, &path_of(section)).await?;
    let mut document = SettingsDocument::from(current.settings.clone());
    let applied = section.apply(&typed, &mut document);
    let groups = section.typed_groups(&document, &categories(&app).await, &typed);
    let (rules, settings) = match document.clone().read() {
        Ok(settings) => (Vec::new(), Some(settings)),
        Err(rules) => (rules, None),
    };
    let (errors, others) = applied.errors(&groups, &document, &rules);
    let Some(settings) = settings.filter(|_| errors.is_empty()) else {
        let problem = others.into_iter().next();
        let attempt = Attempt { typed: Some(typed), errors: FormErrors::new(errors), problem, ..Attempt::default() };
        return section_page(&app, &visitor, section, &current, StatusCode::UNPROCESSABLE_ENTITY, attempt).await;
    };
    let seen: u64 = typed.get("version").parse().unwrap_or_default();
    if seen != current.about.version && is_changed_since(&app, &visitor, seen, &current, section).await? {
        return conflict_page(&app, &visitor, section, typed, &current).await;
    }
    let command = UpdateSettings { expected_version: current.about.version, settings };
    match app.services.settings.update_settings(visitor.caller(), command).await {
        Ok(_) => Ok(saved(&app, section)),
        Err(ShopError::Conflict) => {
            let newer = app.services.settings.view_settings(visitor.caller(), ViewSettings).await?;
            conflict_page(&app, &visitor, section, typed, &newer).await
        }
        Err(error) => Err(error.into()),
    }
}

/// Shows a form of an earlier session again to an operator. Nothing is saved.
async fn stale(app: &App, visitor: &Visitor, section: Section, typed: Typed) -> PageResult {
    let problem = stale_form();
    let current = app.services.settings.view_settings(visitor.caller(), ViewSettings).await;
    let Ok(current) = current else { return Err(problem.into()) };
    let attempt = Attempt { typed: Some(typed), problem: Some(texts::on_page(&problem)), ..Attempt::default() };
    section_page(app, visitor, section, &current, problem.status_code(), attempt).await
}

fn saved(app: &App, section: Section) -> Response {
    let mut response = see_other(&path_of(section));
    notice::leave(&mut response, SAVED, &app.config);
    response
}

/// Returns whether a section has changed since a version.
async fn is_changed_since(
    app: &App,
    visitor: &Visitor,
    version: u64,
    current: &VersionedSettings,
    section: Section,
) -> ShopResult<bool> {
    match app.services.settings.find_settings(visitor.caller(), FindSettings { version }).await {
        Ok(seen) => Ok(seen.settings.changed_sections(&current.settings).contains(&section.path().as_str())),
        Err(ShopError::NotFound { .. }) => Ok(true),
        Err(error) => Err(error),
    }
}

/// Shows what was typed again, with the current version: saving it then replaces the other change.
async fn conflict_page(
    app: &App,
    visitor: &Visitor,
    section: Section,
    typed: Typed,
    current: &VersionedSettings,
) -> PageResult {
    let (typed, conflict) = (Some(typed), Some(current.about.clone()));
    let attempt = Attempt { typed, conflict, ..Attempt::default() };
    section_page(app, visitor, section, current, StatusCode::CONFLICT, attempt).await
}

/// The form of the logo or the icon.
#[derive(Debug, Default)]
struct ImageForm {
    csrf: String,
    remove: bool,
    file: Vec<u8>,
}

async fn read_image_form(mut form: Multipart, setting: &str) -> Result<ImageForm, Problem> {
    let malformed = |error: axum::extract::multipart::MultipartError| {
        if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
            let rule = RuleError::setting(setting, ValueRule::Format(Format::Image));
            return Problem::from(ShopError::from(rule));
        }
        Problem::malformed("The form cannot be parsed.").with_hint(&error)
    };
    let mut read = ImageForm::default();
    while let Some(field) = form.next_field().await.map_err(malformed)? {
        let name = field.name().unwrap_or_default().to_owned();
        let bytes = field.bytes().await.map_err(malformed)?;
        match name.as_str() {
            "csrf" => read.csrf = String::from_utf8_lossy(&bytes).into_owned(),
            "action" => read.remove = &bytes[..] == b"remove",
            "file" => read.file = bytes.to_vec(),
            _ => {}
        }
    }
    Ok(read)
}

/// Replaces or removes the logo or the icon.
pub(in crate::http) async fn upload_image(
    State(app): State<App>,
    visitor: Visitor,
    ApiPath(image): ApiPath<String>,
    form: Result<Multipart, MultipartRejection>,
) -> PageResult {
    let image = BrandImage::find(&image).ok_or(ShopError::NotFound { subject: Subject::Page })?;
    let setting = setting_of(image);
    // A form in another format has no token.
    let form = read_image_form(form.map_err(|_| stale_form())?, setting).await;
    if form.as_ref().is_ok_and(|form| !is_own_token(&visitor, &form.csrf)) {
        return Err(stale_form().into());
    }
    let current = current(&app, &visitor, &path_of(Section::Shop)).await?;
    let form = match form {
        Ok(form) => form,
        // The file is too large.
        Err(problem) if !problem.errors.is_empty() => return wrong_image(&app, &visitor, &current, setting).await,
        Err(problem) => return Err(problem.into()),
    };
    let mut document = SettingsDocument::from(current.settings.clone());
    let file = (!form.remove).then(|| ImageFile { base64: STANDARD.encode(&form.file) });
    match image {
        BrandImage::Logo => document.shop.logo = file,
        BrandImage::Icon => document.shop.icon = file,
    }
    let Ok(settings) = document.read() else { return wrong_image(&app, &visitor, &current, setting).await };
    let command = UpdateSettings { expected_version: current.about.version, settings };
    app.services.settings.update_settings(visitor.caller(), command).await?;
    Ok(saved(&app, Section::Shop))
}

const fn setting_of(image: BrandImage) -> &'static str {
    match image {
        BrandImage::Logo => "shop.logo",
        BrandImage::Icon => "shop.icon",
    }
}

async fn wrong_image(app: &App, visitor: &Visitor, current: &VersionedSettings, setting: &str) -> PageResult {
    let sentence = texts::rule(&RuleError::setting(setting, ValueRule::Format(Format::Image)));
    let errors = FormErrors::new(vec![(setting.to_owned(), sentence)]);
    let attempt = Attempt { errors, ..Attempt::default() };
    section_page(app, visitor, Section::Shop, current, StatusCode::UNPROCESSABLE_ENTITY, attempt).await
}

#[derive(Template)]
#[template(path = "admin_settings_history.html")]
struct HistoryPage {
    frame: Frame,
    csrf: String,
    versions: Vec<SettingsVersion>,
    conflict: bool,
    saved: bool,
}

impl HistoryPage {
    fn current(&self) -> u64 {
        self.versions.first().map_or(0, |newest| newest.version)
    }
}

const HISTORY: &str = "/admin/settings/history";

/// Lists the last versions.
pub(in crate::http) async fn history(State(app): State<App>, visitor: Visitor, headers: HeaderMap) -> PageResult {
    let saved = notice::read(&headers, &[(SAVED, ())]).is_some();
    let mut response = history_page(&app, &visitor, StatusCode::OK, saved).await?;
    if saved {
        notice::clear(&mut response, &app.config);
    }
    Ok(response)
}

async fn history_page(app: &App, visitor: &Visitor, status: StatusCode, saved: bool) -> PageResult {
    let versions = app.services.settings.list_settings_versions(visitor.caller(), ListSettingsVersions).await;
    let versions = versions.map_err(|error| PageError::or_sign_in(error, HISTORY))?;
    let frame = Frame::new(app, visitor, "settings").await;
    let (csrf, conflict) = (visitor.csrf(), status == StatusCode::CONFLICT);
    private_page(status, &HistoryPage { frame, csrf, versions, conflict, saved })
}

/// The form of the history.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::http) struct RestoreForm {
    version: u64,
    expected_version: u64,
}

/// Restores a version.
pub(in crate::http) async fn restore(
    State(app): State<App>,
    visitor: Visitor,
    form: PostedForm<RestoreForm>,
) -> PageResult {
    let PostedForm::Current(RestoreForm { version, expected_version }) = form else { return Err(stale_form().into()) };
    let command = RestoreSettings { version, expected_version };
    match app.services.settings.restore_settings(visitor.caller(), command).await {
        Ok(_) => {
            let mut response = see_other(HISTORY);
            notice::leave(&mut response, SAVED, &app.config);
            Ok(response)
        }
        Err(ShopError::Conflict) => history_page(&app, &visitor, StatusCode::CONFLICT, false).await,
        Err(error) => Err(PageError::or_sign_in(error, HISTORY)),
    }
}

#[derive(Template)]
#[template(path = "admin_settings_version.html")]
struct VersionPage {
    frame: Frame,
    csrf: String,
    about: SettingsVersion,
    current: u64,
    /// What restoring the version would change.
    changes: Vec<SettingChange>,
}

impl VersionPage {
    /// A value of a comparison, shortened.
    fn shown(value: Option<&String>) -> String {
        let Some(value) = value else { return "nothing".to_owned() };
        let mut text: String = value.chars().take(SHOWN_CHARS).collect();
        if text.len() < value.len() {
            text.push('…');
        }
        text
    }
}

/// Compares a version with the current one.
pub(in crate::http) async fn version(
    State(app): State<App>,
    visitor: Visitor,
    ApiPath(version): ApiPath<u64>,
) -> PageResult {
    let path = format!("{HISTORY}/{version}");
    let current = current(&app, &visitor, &path).await?;
    let found = app.services.settings.find_settings(visitor.caller(), FindSettings { version }).await?;
    let frame = Frame::new(&app, &visitor, "settings").await;
    let changes = SettingChange::between(&current.settings, &found.settings);
    let (csrf, about, current) = (visitor.csrf(), found.about, current.about.version);
    private_page(StatusCode::OK, &VersionPage { frame, csrf, about, current, changes })
}

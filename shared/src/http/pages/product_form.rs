//! A product as a form: from a draft to fields, and from what was typed back to a draft.

use std::collections::BTreeMap;

use super::form_fields::{CHECKED, FieldGroup, FormField, Input, MAX_ROWS, Typed};
use super::forms::FormErrors;
use crate::http::texts;
use shopease_shop::domain::{
    Currency, DraftOf, Image, Inventory, Money, Product, ProductDraft, ProductStatus, RuleError, TaxClass, VariantDraft,
};
use time::OffsetDateTime;

/// Most variants that the form shows. A product with more keeps its variants.
pub const MAX_VARIANTS: usize = MAX_ROWS;

/// Name of the field with the file of a picture.
pub const FILE: &str = "file";
/// Name of the field that a form with pictures has, because a form without pictures has no field of theirs.
pub const SHOWS_IMAGES: &str = "shows_images";
const STATUSES: [(&str, &str); 3] = [("active", "Active: on sale"), ("draft", "Draft"), ("archived", "Archived")];
const TAX_CLASSES: [(&str, &str); 3] = [("standard", "Standard"), ("reduced", "Reduced"), ("exempt", "No tax")];

fn option_name(place: usize) -> String {
    format!("options[{place}]")
}

fn variant_field(row: usize, field: &str) -> String {
    format!("variants[{row}].{field}")
}

fn image_field(row: usize, field: &str) -> String {
    format!("images[{row}].{field}")
}

/// The pictures of a form: number of the row and position, in the order of the positions. One more than a product can have, so that
/// the rule about their number is found.
fn image_rows(typed: &Typed) -> Vec<(usize, u32)> {
    // The last value of a field counts.
    let mut fields: BTreeMap<usize, (&str, &str)> = BTreeMap::new();
    for (name, value) in &typed.0 {
        let row_of = |end: &str| name.strip_prefix("images[")?.strip_suffix(end)?.parse::<usize>().ok();
        if let Some(row) = row_of("].url") {
            fields.entry(row).or_default().0 = value;
        } else if let Some(row) = row_of("].position") {
            fields.entry(row).or_default().1 = value.trim();
        }
    }
    let pictures = fields.into_iter().filter(|(_, (url, _))| !url.is_empty()).take(Product::MAX_IMAGES + 1);
    // Equal positions, and those that are not numbers, stay in their order.
    let mut rows: Vec<_> = pictures.map(|(row, (_, position))| (row, position.parse().unwrap_or(u32::MAX))).collect();
    rows.sort_by_key(|(_, position)| *position);
    rows
}

/// Adds a picture after the others.
pub fn add_picture(typed: &mut Typed, url: String) {
    let rows = image_rows(typed);
    let row = rows.iter().map(|(row, _)| row + 1).max().unwrap_or_default();
    let position = rows.iter().map(|(_, position)| *position).max().map_or(1, |last| last.saturating_add(1));
    let alt = typed.text("title");
    for (field, value) in [("url", url), ("alt", alt), ("position", position.to_string())] {
        typed.0.push((image_field(row, field), value));
    }
}

/// The form of a draft. An empty form has one row for a variant.
pub fn typed_of(handle: &str, draft: &ProductDraft) -> Typed {
    let mut fields: Vec<(String, String)> = Vec::new();
    let mut put = |name: String, value: String| fields.push((name, value));
    for (name, value) in [
        ("handle", handle),
        ("title", &draft.title),
        ("description_html", &draft.description_html),
        ("vendor", &draft.vendor),
        ("category", &draft.category),
        ("status", draft.status.as_str()),
        ("seo_title", &draft.seo_title),
        ("seo_description", &draft.seo_description),
    ] {
        put(name.to_owned(), value.to_owned());
    }
    put("tags".to_owned(), draft.tags.join(", "));
    let images = draft.images.as_deref().unwrap_or_default();
    // A form that does not show the images keeps them.
    let shows_images = images.len() <= Product::MAX_IMAGES;
    put(SHOWS_IMAGES.to_owned(), if shows_images { CHECKED } else { "" }.to_owned());
    for (row, image) in images.iter().enumerate().filter(|_| shows_images) {
        put(image_field(row, "url"), image.url.clone());
        put(image_field(row, "alt"), image.alt.clone());
        put(image_field(row, "position"), (row + 1).to_string());
    }
    for (place, name) in draft.options.iter().enumerate() {
        put(option_name(place), name.clone());
    }
    let shown = draft.variants.len() <= MAX_VARIANTS;
    let variants = if shown { draft.variants.as_slice() } else { &[] };
    for (row, variant) in variants.iter().enumerate() {
        let mut put = |field: &str, value: String| put(variant_field(row, field), value);
        put("sku", variant.sku.clone());
        for (place, value) in variant.option_values.iter().enumerate() {
            put(&format!("option_values[{place}]"), value.clone());
        }
        put("price", variant.price.decimal());
        put("compare_at_price", variant.compare_at_price.map(Money::decimal).unwrap_or_default());
        put("weight_grams", variant.weight_grams.to_string());
        put("tax_class", variant.tax_class.as_str().to_owned());
        put("barcode", variant.barcode.clone());
        put("image", variant.image.map(|image| (image + 1).to_string()).unwrap_or_default());
        for (field, is_checked) in
            [("requires_shipping", variant.requires_shipping), ("inventory", variant.inventory == Inventory::Tracked)]
        {
            put(field, if is_checked { CHECKED } else { "" }.to_owned());
        }
    }
    put("rows".to_owned(), if shown { variants.len().max(1).to_string() } else { String::new() });
    if variants.is_empty() && shown {
        with_row_defaults(&mut fields, 0);
    }
    Typed(fields)
}

fn with_row_defaults(fields: &mut Vec<(String, String)>, row: usize) {
    for (field, value) in [("requires_shipping", CHECKED), ("inventory", CHECKED), ("tax_class", "standard")] {
        fields.push((variant_field(row, field), value.to_owned()));
    }
}

/// Adds an empty row for a variant, if the form has room for one.
pub fn add_row(typed: &mut Typed) {
    let rows = typed.rows();
    if rows < MAX_VARIANTS {
        typed.0.retain(|(name, _)| name != "rows");
        typed.0.push(("rows".to_owned(), (rows + 1).to_string()));
        with_row_defaults(&mut typed.0, rows);
    }
}

/// Places of the options that have a name.
fn used_options(typed: &Typed) -> Vec<usize> {
    (0..Product::MAX_OPTIONS).filter(|place| !typed.get(&option_name(*place)).trim().is_empty()).collect()
}

/// The fields of the form. The handle is asked only for a new product.
pub fn groups(typed: &Typed, is_new: bool, currency: Currency, categories: Vec<String>) -> Vec<FieldGroup> {
    let field = |name: &str, input| FormField::new(texts::product_label(name), name, input, typed.text(name));
    let mut about = vec![field("title", Input::Line)];
    if is_new {
        about.push(
            field("handle", Input::Line)
                .optional()
                .hint("Name of the product in its address, which cannot be changed later. Empty: made from the title."),
        );
    }
    about.extend([
        field("status", Input::select(&STATUSES)),
        field("description_html", Input::Area(8)).optional().hint("Text or HTML. Scripts and styles are removed."),
        field("vendor", Input::Line).optional(),
        field("category", Input::Suggested(categories)).optional(),
        field("tags", Input::Line).optional().hint("Separated by commas."),
    ]);
    let option = |place: usize| {
        let name = option_name(place);
        let field =
            FormField::new(["Option 1", "Option 2", "Option 3"][place], name.clone(), Input::Line, typed.text(&name));
        field.optional().hint("For example Size. Then every variant has a value for it.")
    };
    let options = (0..Product::MAX_OPTIONS).map(option).collect();
    let search = vec![
        field("seo_title", Input::Line).optional().hint("Up to about 60 characters are shown. Empty: the title."),
        field("seo_description", Input::Area(2))
            .optional()
            .hint("Up to about 160 characters are shown. Empty: the beginning of the description."),
    ];
    let mut groups = vec![group("Product", about)];
    let pictures = image_rows(typed);
    if typed.is_checked(SHOWS_IMAGES) {
        groups.extend(picture_groups(typed, &pictures));
    }
    groups
        .extend([group("Search engines and shared links", search), group("Options: how the variants differ", options)]);
    let choice = picture_choice(&pictures, typed.rows());
    for row in 0..typed.rows() {
        let fields = variant_fields(typed, row, is_new, currency, choice.clone());
        groups.push(group(&format!("Variant {}", row + 1), fields));
    }
    groups
}

fn group(legend: &str, fields: Vec<FormField>) -> FieldGroup {
    FieldGroup { legend: Some(legend.to_owned()), class: "", fields }
}

/// The pictures in their order, and the field for another one.
fn picture_groups(typed: &Typed, pictures: &[(usize, u32)]) -> Vec<FieldGroup> {
    let field = |row: usize, name: &str, input| {
        let path = image_field(row, name);
        let value = typed.text(&path);
        FormField::new(texts::product_label(&path), path, input, value)
    };
    let mut groups: Vec<FieldGroup> = pictures
        .iter()
        .map(|(row, _)| {
            let row = *row;
            let fields = vec![
                field(row, "url", Input::Picture),
                field(row, "alt", Input::Line).optional(),
                field(row, "position", Input::Number).label("Position"),
                field(row, "remove", Input::Check).label("Remove from this product"),
            ];
            FieldGroup { class: "picture-fields", ..group(&format!("Picture {}", row + 1), fields) }
        })
        .collect();
    let upload = FormField::new("Picture from your device", FILE, Input::File, "")
        .optional()
        .hint("JPEG, PNG, WebP or GIF (of an animation, the first picture). Your browser makes large photographs smaller before it sends them.");
    groups.push(FieldGroup { class: "picture-upload", ..group("Add pictures", vec![upload]) });
    groups
}

/// How a variant's picture is chosen: by its number, from a list if the lists of all variants are short enough for the page. Pictures
/// that are added while the page is open get into the lists.
fn picture_choice(pictures: &[(usize, u32)], variants: usize) -> Input {
    const MAX_CHOICES: usize = 2_000;
    if pictures.len() * variants > MAX_CHOICES {
        return Input::Number;
    }
    let pictures = pictures.iter().map(|(row, _)| ((row + 1).to_string(), format!("Picture {}", row + 1)));
    Input::Select(std::iter::once((String::new(), "None of its own".to_owned())).chain(pictures).collect())
}

fn variant_fields(typed: &Typed, row: usize, is_new: bool, currency: Currency, picture: Input) -> Vec<FormField> {
    let field = |name: &str, input| {
        let path = variant_field(row, name);
        let value = typed.text(&path);
        FormField::new(texts::product_label(&path), path, input, value)
    };
    let mut fields: Vec<FormField> = used_options(typed)
        .into_iter()
        .map(|place| {
            let hint = format!("Value for {}.", typed.get(&option_name(place)).trim());
            field(&format!("option_values[{place}]"), Input::Line).label("Option value").hint(hint)
        })
        .collect();
    let stock = if is_new {
        "Units of a new SKU."
    } else {
        "Units of a new SKU. Others are corrected on the page of the stock."
    };
    fields.extend([
        field("price", Input::Amount).hint(format!("In {currency}, for example 24.90.")),
        field("compare_at_price", Input::Amount).optional().hint("Struck through beside the price."),
        field("sku", Input::Line)
            .optional()
            .hint("Your code, unique in the shop. Empty: made from handle and option values."),
        field("barcode", Input::Line).optional(),
        field("weight_grams", Input::Number).optional(),
        field("tax_class", Input::select(&TAX_CLASSES)),
        field("requires_shipping", Input::Check).label("It is shipped"),
        field("inventory", Input::Check).label("Its stock is tracked"),
        field("initial_stock", Input::Number).optional().hint(stock),
    ]);
    let is_list = matches!(picture, Input::Select(_));
    let picture = field("image", picture).optional();
    fields.push(if is_list { picture } else { picture.hint("The number of one of the pictures above.") });
    fields
}

/// A draft as read from the form.
pub struct Read {
    /// The draft, with placeholders for what cannot be parsed.
    pub draft: ProductDraft,
    /// Currency of its prices.
    currency: Currency,
    /// The rows of its variants.
    rows: Vec<usize>,
    /// The places of its options.
    options: Vec<usize>,
    /// The rows of its pictures.
    images: Vec<usize>,
    /// Paths in the form, with sentences.
    problems: Vec<(String, String)>,
}

/// Reads the form. Rows without any text are left out. A form without rows keeps the stored variants, and one of an earlier release,
/// which does not show pictures, keeps these.
pub fn read(typed: &Typed, currency: Currency, stored: Option<&Product>) -> Read {
    let options = used_options(typed);
    let kept = image_rows(typed).into_iter().map(|(row, _)| row);
    let images: Vec<usize> = kept.filter(|row| !typed.is_checked(&image_field(*row, "remove"))).collect();
    let image =
        |row: &usize| Image { url: typed.text(&image_field(*row, "url")), alt: typed.text(&image_field(*row, "alt")) };
    let mut read = Read {
        draft: ProductDraft {
            title: typed.text("title"),
            description_html: typed.text("description_html"),
            vendor: typed.text("vendor"),
            category: typed.text("category"),
            tags: typed.list("tags"),
            status: ProductStatus::find(typed.get("status")).unwrap_or(ProductStatus::Draft),
            seo_title: typed.text("seo_title"),
            seo_description: typed.text("seo_description"),
            options: options.iter().map(|place| typed.text(&option_name(*place))).collect(),
            variants: Vec::new(),
            images: typed.is_checked(SHOWS_IMAGES).then(|| images.iter().map(image).collect()),
        },
        currency,
        rows: Vec::new(),
        options,
        images,
        problems: Vec::new(),
    };
    read.check_positions(typed);
    if let Some(stored) = stored.filter(|_| typed.get("rows").is_empty()) {
        let ProductDraft { options, mut variants, .. } = ProductDraft::of(stored);
        for variant in variants.iter_mut().filter(|_| read.draft.images.is_some()) {
            // Rows of a stored product have the numbers of its images.
            variant.image = variant.image.and_then(|image| read.place_of(usize::from(image)));
        }
        read.draft = ProductDraft { options, variants, ..read.draft };
        return read;
    }
    for row in 0..typed.rows() {
        let values =
            read.options.iter().map(|place| typed.text(&variant_field(row, &format!("option_values[{place}]"))));
        let values: Vec<String> = values.collect();
        let texts = ["sku", "price", "compare_at_price", "barcode", "weight_grams", "initial_stock"];
        let is_blank = |field: &&str| typed.get(&variant_field(row, field)).trim().is_empty();
        let only = values.iter().all(|value| value.trim().is_empty()) && texts.iter().all(is_blank);
        // The first row stays, so that its fields can say what is missing.
        if only && row > 0 {
            continue;
        }
        let variant = read.variant(typed, row, values, currency);
        read.draft.variants.push(variant);
        read.rows.push(row);
    }
    read
}

impl Read {
    fn variant(&mut self, typed: &Typed, row: usize, option_values: Vec<String>, currency: Currency) -> VariantDraft {
        let text = |field: &str| typed.text(&variant_field(row, field));
        let is_checked = |field: &str| typed.is_checked(&variant_field(row, field));
        let price = self.money(row, "price", &text("price"), currency);
        let compare_at_price = Some(text("compare_at_price")).filter(|text| !text.trim().is_empty());
        VariantDraft {
            sku: text("sku"),
            option_values,
            price: price.unwrap_or(Money::zero(currency)),
            compare_at_price: compare_at_price.and_then(|text| self.money(row, "compare_at_price", &text, currency)),
            weight_grams: self.number(row, "weight_grams", &text("weight_grams")),
            requires_shipping: is_checked("requires_shipping"),
            tax_class: TaxClass::find(&text("tax_class")).unwrap_or(TaxClass::Standard),
            barcode: text("barcode"),
            inventory: if is_checked("inventory") { Inventory::Tracked } else { Inventory::Untracked },
            initial_stock: self.number(row, "initial_stock", &text("initial_stock")),
            image: self.image(row, &text("image")),
        }
    }

    /// The picture with a number; none if it is removed.
    fn image(&mut self, row: usize, text: &str) -> Option<u16> {
        match self.number(row, "image", text) {
            0 => None,
            number => self.place_of(usize::try_from(number - 1).ok()?),
        }
    }

    /// The place of a row among the pictures that stay.
    fn place_of(&self, image_row: usize) -> Option<u16> {
        u16::try_from(self.images.iter().position(|row| *row == image_row)?).ok()
    }

    fn check_positions(&mut self, typed: &Typed) {
        for row in self.images.clone() {
            let path = image_field(row, "position");
            self.whole_number(path.clone(), typed.get(&path));
        }
    }

    fn money(&mut self, row: usize, field: &str, text: &str, currency: Currency) -> Option<Money> {
        let money = Money::parse_decimal(text.trim(), currency).ok();
        if money.is_none() {
            let example = Money::new(2490, currency).decimal();
            let typed = text.trim();
            let sentence = if typed.is_empty() {
                format!("Enter a price in {currency}, for example {example}.")
            } else {
                format!("{typed:?} is not a price in {currency}. Enter digits and a point, for example {example}.")
            };
            self.problems.push((variant_field(row, field), sentence));
        }
        money
    }

    fn number(&mut self, row: usize, field: &str, text: &str) -> u32 {
        self.whole_number(variant_field(row, field), text)
    }

    fn whole_number(&mut self, path: String, text: &str) -> u32 {
        let text = text.trim();
        if text.is_empty() {
            return 0;
        }
        text.parse().unwrap_or_else(|_| {
            let sentence = format!("{text:?} is not a whole number from 0. Enter digits only.");
            self.problems.push((path, sentence));
            0
        })
    }

    /// Whether everything could be parsed.
    pub fn is_complete(&self) -> bool {
        self.problems.is_empty()
    }

    /// The product, by the rules that need no store.
    ///
    /// # Errors
    /// Every problem.
    pub fn product(&self, handle: &str, stored: Option<&Product>) -> Result<Product, Vec<RuleError>> {
        let new = DraftOf::New { handle, now: OffsetDateTime::UNIX_EPOCH };
        self.draft.product(stored.map_or(new, DraftOf::Stored), self.currency)
    }

    /// The problems of the form and of the draft by field, and those that no field has.
    pub fn errors(self, groups: &[FieldGroup], rules: &[RuleError]) -> (FormErrors, Vec<String>) {
        let names: Vec<&str> = groups.iter().flat_map(|group| &group.fields).map(|field| field.name.as_str()).collect();
        let unparsed: Vec<String> = self.problems.iter().map(|(path, _)| path.clone()).collect();
        let of_draft = rules.iter().map(|rule| (self.position(rule.field().unwrap_or_default()), texts::rule(rule)));
        // A value that could not be parsed has a placeholder in the draft.
        let of_draft: Vec<_> = of_draft.filter(|(path, _)| !unparsed.contains(path)).collect();
        let (mut errors, mut others): (Vec<(String, String)>, Vec<String>) = (Vec::new(), Vec::new());
        for (path, sentence) in self.problems.into_iter().chain(of_draft) {
            let is_at = |name: &&&str| {
                let rest = path.strip_prefix(**name);
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
            };
            let within =
                |name: &&&str| name.strip_prefix(path.as_str()).is_some_and(|rest| rest.starts_with(['.', '[']));
            match names.iter().filter(is_at).max_by_key(|name| name.len()).or_else(|| names.iter().find(within)) {
                Some(name) => errors.push(((*name).to_owned(), sentence)),
                None => others.push(sentence),
            }
        }
        errors.sort_by_key(|(field, _)| names.iter().position(|name| name == field));
        errors.dedup();
        (FormErrors::new(errors), others)
    }

    /// The path in the form, whose rows and options are counted with the empty ones.
    fn position(&self, path: &str) -> String {
        let renumbered = |path: &str, list: &str, places: &[usize]| {
            let (before, rest) = path.split_once(&format!("{list}["))?;
            let (number, rest) = rest.split_once(']')?;
            let place = places.get(number.parse::<usize>().ok()?)?;
            Some(format!("{before}{list}[{place}]{rest}"))
        };
        let path = renumbered(path, "variants", &self.rows).unwrap_or_else(|| path.to_owned());
        let path = renumbered(&path, "options", &self.options).unwrap_or(path);
        let path = renumbered(&path, "images", &self.images).unwrap_or(path);
        renumbered(&path, "option_values", &self.options).unwrap_or(path)
    }
}

/// Fields whose stored value differs from what was typed: label and stored value, which is empty where only something was typed.
pub fn differences(typed: &Typed, stored: &Typed) -> Vec<(String, String)> {
    let row_of = |name: &str| {
        let (list, title) =
            [("variants[", "Variant"), ("images[", "Picture")].into_iter().find(|(list, _)| name.starts_with(list))?;
        let row: usize = name.strip_prefix(list)?.split(']').next()?.parse().ok()?;
        Some(format!("{title} {}", row + 1))
    };
    // A browser sends line breaks as CRLF.
    let text = |form: &Typed, name: &str| form.get(name).replace("\r\n", "\n").trim().to_owned();
    let is_value = |name: &str| texts::is_product_value(name) && name != "handle";
    // Boxes and choices of a row that only one side has say nothing beside its other fields.
    let is_text = |name: &str| !["requires_shipping", "inventory", "tax_class"].iter().any(|end| name.ends_with(end));
    let mut names: Vec<&str> = stored.0.iter().map(|(name, _)| name.as_str()).filter(|name| is_value(name)).collect();
    for (name, _) in typed.0.iter().filter(|(name, _)| is_value(name) && is_text(name)) {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    let changed = names.into_iter().filter(|name| text(typed, name) != text(stored, name));
    changed
        .map(|name| {
            let label = texts::product_label(name);
            let label = row_of(name).map_or_else(|| label.to_owned(), |row| format!("{row}: {label}"));
            (label, text(stored, name))
        })
        .collect()
}

//! Colors, logo and icon of the shop, from its settings.

use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;

use super::App;
use super::extract::respond_with_etag;
use super::problem::Problem;
use shopease_shop::domain::{BrandImage, Color};
use shopease_shop::ports::Asset;
use shopease_shop::services::{FindBrandImage, ShopView};

/// For URLs that contain the version of their content.
const IMMUTABLE: &str = "public, max-age=31536000, immutable";
/// For all other URLs.
const REVALIDATE: &str = "public, no-cache";

/// Background of the dark theme, and the background on which its links have the least contrast.
const DARK_PAPER: Color = Color::new([0x16, 0x13, 0x0f]);
const DARK_TINT: Color = Color::new([0x2a, 0x24, 0x1c]);
const BLACK: Color = Color::new([0; 3]);

/// URL of the stylesheet with the shop's color. The color is its version.
pub fn theme_url(shop: &ShopView) -> String {
    format!("/theme.css?v={}", version(shop.accent_color))
}

/// URL of the uploaded icon, if there is one.
pub fn uploaded_icon_url(shop: &ShopView) -> Option<String> {
    shop.icon_digest.as_ref().map(|digest| format!("/icon?v={digest}"))
}

/// URL of the icon that is made of the shop's name and color.
pub fn letter_url(shop: &ShopView) -> String {
    format!("/favicon.svg?v={}{}", version(shop.accent_color), hex_of(&initial(&shop.name)))
}

/// URL of the logo, if there is one.
pub fn logo_url(shop: &ShopView) -> Option<String> {
    shop.logo_digest.as_ref().map(|digest| format!("/logo?v={digest}"))
}

fn version(color: Color) -> String {
    color.to_string().trim_start_matches('#').to_owned()
}

fn hex_of(text: &str) -> String {
    shopease_shop::domain::hex(text.as_bytes())
}

/// The shop's color on the dark theme: as light as necessary.
fn on_dark(accent: Color) -> Color {
    let lighter = (0..=100).step_by(5).map(|percent| accent.mixed(Color::WHITE, percent));
    lighter.into_iter().find(|color| color.is_readable_on(DARK_TINT)).unwrap_or(Color::WHITE)
}

fn stylesheet(accent: Color) -> String {
    let (strong, dark) = (accent.mixed(BLACK, 20), on_dark(accent));
    let dark_strong = dark.mixed(Color::WHITE, 40);
    format!(
        ":root{{--accent:{accent};--accent-strong:{strong};--on-accent:#fff}}\
         @media (prefers-color-scheme:dark){{:root{{--accent:{dark};--accent-strong:{dark_strong};--on-accent:{DARK_PAPER}}}}}"
    )
}

/// Serves the stylesheet with the shop's color.
pub(super) async fn theme(State(app): State<App>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let shop = app.shop().await;
    let current = is_version(query.as_deref(), &version(shop.accent_color));
    let asset = Asset::new(stylesheet(shop.accent_color).into());
    respond_with_etag(&headers, "text/css; charset=utf-8", if current { IMMUTABLE } else { REVALIDATE }, asset)
}

fn is_version(query: Option<&str>, version: &str) -> bool {
    query.and_then(|query| query.strip_prefix("v=")) == Some(version)
}

/// The first letter or digit of a name.
fn initial(name: &str) -> String {
    name.chars().find(|c| c.is_alphanumeric()).map_or_else(|| "S".to_owned(), |c| c.to_uppercase().collect())
}

/// Serves the first letter of the name on the shop's color.
pub(super) async fn letter(State(app): State<App>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let shop = app.shop().await;
    let url = letter_url(&shop);
    let current = url.split_once('?').is_some_and(|(_, version)| query.as_deref() == Some(version));
    let (accent, initial) = (shop.accent_color, initial(&shop.name));
    // A letter or digit needs no escaping.
    let svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 64 64\"><rect width=\"64\" height=\"64\" rx=\"14\" fill=\"{accent}\"/>\
         <text x=\"32\" y=\"45\" font-family=\"Georgia,serif\" font-size=\"38\" text-anchor=\"middle\" fill=\"#fff\">{initial}</text></svg>"
    );
    let cache = if current { IMMUTABLE } else { REVALIDATE };
    respond_with_etag(&headers, "image/svg+xml", cache, Asset::new(Bytes::from(svg)))
}

/// Serves the logo.
pub(super) async fn logo(app: State<App>, query: RawQuery, headers: HeaderMap) -> Result<Response, Problem> {
    uploaded(app, query, headers, BrandImage::Logo).await
}

/// Serves the uploaded icon.
pub(super) async fn icon(app: State<App>, query: RawQuery, headers: HeaderMap) -> Result<Response, Problem> {
    uploaded(app, query, headers, BrandImage::Icon).await
}

async fn uploaded(
    State(app): State<App>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    image: BrandImage,
) -> Result<Response, Problem> {
    let image = app.services.catalog.find_brand_image(FindBrandImage { image }).await?;
    let cache = if is_version(query.as_deref(), &image.digest) { IMMUTABLE } else { REVALIDATE };
    let mut response = respond_with_etag(&headers, image.format.content_type(), cache, Asset::new(image.bytes));
    // An uploaded file must not act as a page of the shop, whatever a browser makes of it.
    let policy = HeaderValue::from_static("default-src 'none'; sandbox");
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_allowed_color_is_readable_in_both_themes() {
        let mut allowed = 0;
        for number in 0..4096_u16 {
            let part = |shift: u16| u8::try_from((number >> shift & 15) * 17).unwrap_or(u8::MAX);
            let accent = Color::new([part(8), part(4), part(0)]);
            if accent.is_readable_on(Color::WHITE) {
                allowed += 1;
                let dark = on_dark(accent);
                assert!(dark.is_readable_on(DARK_TINT) && dark.is_readable_on(DARK_PAPER), "{accent}: {dark}");
                assert!(accent.mixed(BLACK, 20).is_readable_on(Color::WHITE), "{accent}");
                assert!(dark.mixed(Color::WHITE, 40).is_readable_on(DARK_PAPER), "{accent}");
            }
        }
        assert!(allowed > 1_000, "{allowed}");
    }

    #[test]
    fn the_icon_shows_a_letter_and_nothing_else() {
        assert_eq!([initial("  <mlouye>"), initial("ß"), initial("東京"), initial("& ✂")], ["M", "SS", "東", "S"]);
    }
}

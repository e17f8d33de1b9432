//! Pictures: operators upload files, through the API and in the browser, and shoppers get files that fit their screens.

use std::io::Cursor;

use axum::body::Body;
use http::{Method, Request, StatusCode, header};
use image::{ImageFormat, Rgb, RgbImage};
use serde_json::{Value, json};
use shopease_shop::domain::Picture;

use crate::harness::{Answer, Client, TestShop, both_stores, text};
use crate::products::{create, kettle, path_of, put, tag};
use crate::settings_pages::{fields_of, set};

both_stores!(
    an_uploaded_picture_is_shown_in_the_size_of_the_screen,
    a_file_that_is_no_picture_is_refused,
    only_operators_upload_pictures,
    a_product_keeps_its_images_unless_they_are_sent,
    a_variant_has_an_image_of_its_product,
    a_picture_is_added_in_the_browser_and_nothing_typed_is_lost,
    a_refused_file_keeps_what_was_typed,
    pictures_are_sorted_described_and_removed,
    a_shop_without_a_place_for_pictures_says_so,
);

const PICTURES: &str = "/api/v1/admin/pictures";
const NEW: &str = "/admin/new-product";

/// A file with a picture.
pub fn file(width: u32, height: u32) -> Vec<u8> {
    let image = RgbImage::from_fn(width, height, |x, y| Rgb([(x % 251) as u8, (y % 241) as u8, 90]));
    let mut file = Cursor::new(Vec::new());
    image.write_to(&mut file, ImageFormat::Jpeg).expect("encoded");
    file.into_inner()
}

async fn post_file(client: &mut Client, content_type: &str, file: &[u8]) -> Answer {
    let request = Request::post(PICTURES).header(header::CONTENT_TYPE, content_type);
    client.send(request.body(file.to_vec().into()).expect("a request")).await
}

/// Uploads a picture and returns its address.
async fn upload(operator: &mut Client, width: u32, height: u32) -> String {
    let answer = post_file(operator, "application/octet-stream", &file(width, height)).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    text(&answer.json()["url"])
}

/// Sends a form as browsers send one with a file.
async fn send_with_file(client: &mut Client, path: &str, fields: &[(String, String)], file: &[u8]) -> Answer {
    let mut body = Vec::new();
    let mut part = |name: &str, filename: &str, value: &[u8]| {
        let head = format!("--b\r\ncontent-disposition: form-data; name=\"{name}\"{filename}\r\n\r\n");
        body.extend([head.as_bytes(), value, b"\r\n"].concat());
    };
    for (name, value) in fields.iter().filter(|(name, _)| name != "file") {
        part(name, "", value.as_bytes());
    }
    part("file", "; filename=\"kettle.jpg\"", file);
    body.extend(b"--b--\r\n");
    let request = Request::post(path).header(header::CONTENT_TYPE, "multipart/form-data; boundary=b");
    client.send(request.body(Body::from(body)).expect("a request")).await
}

async fn form(operator: &mut Client, path: &str) -> Vec<(String, String)> {
    let page = operator.get(path).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text());
    fields_of(&page.text(), path)
}

fn value<'a>(fields: &'a [(String, String)], name: &str) -> &'a str {
    fields.iter().find(|(found, _)| found == name).map_or("", |(_, value)| value)
}

/// Address and alternative text of the images of a product.
fn images(product: &Value) -> Vec<(String, String)> {
    let images = product["images"].as_array().expect("images");
    images.iter().map(|image| (text(&image["url"]), text(&image["alt"]))).collect()
}

fn pairs<const N: usize>(images: [(&str, &str); N]) -> Vec<(String, String)> {
    images.map(|(url, alt)| (url.to_owned(), alt.to_owned())).to_vec()
}

async fn an_uploaded_picture_is_shown_in_the_size_of_the_screen(shop: TestShop) {
    let mut operator = shop.operator().await;
    let answer = post_file(&mut operator, "application/octet-stream", &file(900, 600)).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    let url = text(&answer.json()["url"]);
    assert_eq!(answer.json(), json!({"url": url, "width": 900, "height": 600}));
    // The same file is the same picture.
    assert_eq!(upload(&mut operator, 900, 600).await, url);
    let mut product = kettle();
    product["images"] = json!([{"url": url, "alt": "A kettle on a stove"}]);
    create(&mut operator, &product).await;

    let mut shopper = shop.client();
    let page = shopper.get("/products/kettle").await.text();
    let image = page.split("<img ").skip(1).find(|image| image.contains(&url)).expect("the picture");
    let srcset = image.split("srcset=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("srcset");
    let widths: Vec<&str> = srcset.split(", ").filter_map(|file| file.split(' ').nth(1)).collect();
    assert_eq!(widths, ["320w", "640w", "900w"]);
    for attribute in ["width=\"900\"", "height=\"600\"", "alt=\"A kettle on a stove\"", "sizes=\""] {
        assert!(image.contains(attribute), "{image}");
    }
    for address in srcset.split(", ").filter_map(|file| file.split(' ').next()).chain([url.as_str()]) {
        let served = shopper.get(address).await;
        let expected = if address == url { ImageFormat::Jpeg } else { ImageFormat::WebP };
        assert_eq!((served.status, served.header("content-type")), (StatusCode::OK, expected.to_mime_type()));
        assert_eq!(served.header("cache-control"), "public, max-age=31536000, immutable", "{address}");
        assert_eq!(image::guess_format(&served.body).ok(), Some(expected), "{address}");
    }
    for guessed in ["/assets/pictures/x.webp", "/assets/pictures/.hidden", "/assets/pictures/"] {
        assert_eq!(shopper.get(guessed).await.status, StatusCode::NOT_FOUND, "{guessed}");
    }
}

async fn a_file_that_is_no_picture_is_refused(shop: TestShop) {
    let mut operator = shop.operator().await;
    let whole = file(300, 300);
    for refused in [&b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>"[..], b"", b"GIF89a", &whole[..whole.len() / 20]] {
        let answer = post_file(&mut operator, "application/octet-stream", refused).await;
        assert_eq!(answer.problem(), (422, "rule-broken".to_owned()));
        let rule = &answer.json()["errors"][0];
        assert_eq!((&rule["field"], &rule["format"]), (&json!("picture"), &json!("picture")));
    }
    let large = [whole.as_slice(), &vec![0; Picture::MAX_FILE_BYTES + 1 - whole.len()]].concat();
    let fits = post_file(&mut operator, "application/octet-stream", &large[1..]).await;
    assert_eq!(fits.status, StatusCode::UNPROCESSABLE_ENTITY, "the first byte is missing");
    let answer = post_file(&mut operator, "application/octet-stream", &large).await;
    assert_eq!(answer.problem(), (413, "body-too-large".to_owned()));
    let answer = post_file(&mut operator, "application/json", &whole).await;
    assert_eq!(answer.problem(), (415, "unsupported-media-type".to_owned()));
}

async fn only_operators_upload_pictures(shop: TestShop) {
    let content = file(30, 30);
    let anonymous = post_file(&mut shop.client(), "application/octet-stream", &content).await;
    assert_eq!(anonymous.status, StatusCode::UNAUTHORIZED);
    let mut customer = shop.client();
    customer.register("ada@example.com").await;
    let customers = post_file(&mut customer, "application/octet-stream", &content).await;
    assert_eq!(customers.status, StatusCode::FORBIDDEN);
    let mut operator = shop.operator().await;
    let mut fields = form(&mut operator, NEW).await;
    set(&mut fields, "csrf", "stale");
    let stale = send_with_file(&mut operator, NEW, &fields, &content).await;
    assert_eq!(stale.status, StatusCode::FORBIDDEN);
    assert!(!stale.text().contains("/assets/pictures/"));
}

async fn a_product_keeps_its_images_unless_they_are_sent(shop: TestShop) {
    let mut operator = shop.operator().await;
    let mut product = kettle();
    product["images"] = json!([{"url": "https://e.org/a.jpg", "alt": "A"}, {"url": "/assets/demo/moka-pot.svg"}]);
    let created = create(&mut operator, &product).await;
    let both = pairs([("https://e.org/a.jpg", "A"), ("/assets/demo/moka-pot.svg", "")]);
    assert_eq!(images(&created), both);
    product.as_object_mut().expect("an object").remove("images");
    let kept = put(&mut operator, "kettle", &tag(&created), &product).await;
    assert_eq!(images(&kept.json()), both);
    product["images"] = json!([]);
    let removed = put(&mut operator, "kettle", &tag(&kept.json()), &product).await;
    assert_eq!(images(&removed.json()), pairs([]));
    product["images"] = json!([
        {"url": "http://e.org/a.jpg"}, {"url": "javascript:alert(1)"}, {"url": "//e.org/a.jpg"}, {"url": ""},
        {"url": "/a.jpg", "alt": "x".repeat(513)},
    ]);
    let refused = put(&mut operator, "kettle", &tag(&removed.json()), &product).await;
    let errors = refused.json()["errors"].as_array().expect("errors").clone();
    let fields: Vec<String> = errors.iter().map(|error| text(&error["field"])).collect();
    assert_eq!(fields, ["images[0].url", "images[1].url", "images[2].url", "images[3].url", "images[4].alt"]);
}

async fn a_variant_has_an_image_of_its_product(shop: TestShop) {
    let mut operator = shop.operator().await;
    let mut product = kettle();
    product["images"] = json!([{"url": "https://e.org/a.jpg"}, {"url": "https://e.org/b.jpg"}]);
    product["variants"][0]["image"] = json!(2);
    let refused = operator.json(Method::POST, crate::products::PRODUCTS, &product, &[]).await;
    assert_eq!(text(&refused.json()["errors"][0]["field"]), "variants[0].image");
    product["variants"][0]["image"] = json!(1);
    create(&mut operator, &product).await;
    let page = shop.client().get("/products/kettle?variant=KETTLE").await.text();
    let main = page.split("class=\"gallery\"").nth(1).and_then(|rest| rest.split("<img").nth(1)).expect("an image");
    assert!(main.contains("https://e.org/b.jpg"), "{main}");
}

async fn a_picture_is_added_in_the_browser_and_nothing_typed_is_lost(shop: TestShop) {
    let mut operator = shop.operator().await;
    let mut fields = form(&mut operator, NEW).await;
    for (name, typed) in [("title", "Kettle"), ("status", "active"), ("variants[0].price", "49.00")] {
        set(&mut fields, name, typed);
    }
    fields.push(("action".to_owned(), "add_picture".to_owned()));
    let shown = send_with_file(&mut operator, NEW, &fields, &file(400, 300)).await;
    assert_eq!(shown.status, StatusCode::OK, "{}", shown.text());
    let mut fields = fields_of(&shown.text(), NEW);
    assert_eq!((value(&fields, "title"), value(&fields, "variants[0].price")), ("Kettle", "49.00"));
    let url = value(&fields, "images[0].url").to_owned();
    assert!(Picture::at(&url).is_some(), "{url}");
    set(&mut fields, "variants[0].image", "1");
    fields.push(("action".to_owned(), "save".to_owned()));
    // Without JavaScript, another file may have been chosen before saving.
    let saved = send_with_file(&mut operator, NEW, &fields, &file(200, 300)).await;
    assert_eq!(saved.status, StatusCode::SEE_OTHER, "{}", saved.text());
    let stored = operator.get(&path_of("kettle")).await.json();
    assert_eq!(stored["images"].as_array().map(Vec::len), Some(2));
    assert_eq!(images(&stored)[..1], pairs([(&url, "Kettle")]));
    assert_eq!(stored["variants"][0]["image"], 0);
}

async fn a_refused_file_keeps_what_was_typed(shop: TestShop) {
    let mut operator = shop.operator().await;
    let mut fields = form(&mut operator, NEW).await;
    set(&mut fields, "title", "Kettle");
    fields.push(("action".to_owned(), "add_picture".to_owned()));
    let refused = send_with_file(&mut operator, NEW, &fields, b"%PDF-1.7").await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    let page = refused.text();
    assert!(page.contains("id=\"file-error\"") && page.contains("Choose a complete JPEG, PNG, WebP or GIF"), "{page}");
    assert_eq!(value(&fields_of(&page, NEW), "title"), "Kettle");
    let large = send_with_file(&mut operator, NEW, &fields, &vec![0; 800 * 1024]).await;
    assert_eq!(large.status, StatusCode::PAYLOAD_TOO_LARGE);
}

async fn pictures_are_sorted_described_and_removed(shop: TestShop) {
    let mut operator = shop.operator().await;
    let mut product = kettle();
    let urls = ["https://e.org/a.jpg", "https://e.org/b.jpg", "https://e.org/c.jpg"];
    product["images"] = urls.map(|url| json!({"url": url, "alt": "old"})).into();
    product["variants"][0]["image"] = json!(0);
    create(&mut operator, &product).await;
    let path = "/admin/products/kettle";
    let mut fields = form(&mut operator, path).await;
    assert_eq!(value(&fields, "variants[0].image"), "1");
    set(&mut fields, "images[0].position", "9");
    set(&mut fields, "images[2].alt", "The lid");
    fields.push(("images[1].remove".to_owned(), "yes".to_owned()));
    let saved = send_with_file(&mut operator, path, &fields, b"").await;
    assert_eq!(saved.status, StatusCode::SEE_OTHER, "{}", saved.text());
    let stored = operator.get(&path_of("kettle")).await.json();
    assert_eq!(images(&stored), pairs([(urls[2], "The lid"), (urls[0], "old")]));
    assert_eq!(stored["variants"][0]["image"], 1, "the variant keeps its picture");
    // A position that is not a number is named at its field.
    let mut fields = form(&mut operator, path).await;
    set(&mut fields, "images[1].position", "first");
    let refused = send_with_file(&mut operator, path, &fields, b"").await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.text().contains("id=\"images[1].position-error\""), "{}", refused.text());
    // A form of an earlier release has no fields of pictures.
    fields.retain(|(name, _)| !name.starts_with("images[") && name != "shows_images");
    set(&mut fields, "title", "Kettles");
    let saved = send_with_file(&mut operator, path, &fields, b"").await;
    assert_eq!(saved.status, StatusCode::SEE_OTHER, "{}", saved.text());
    assert_eq!(images(&operator.get(&path_of("kettle")).await.json()).len(), 2);
}

async fn a_shop_without_a_place_for_pictures_says_so(shop: TestShop) {
    let shop = shop.without_pictures();
    let mut operator = shop.operator().await;
    let answer = post_file(&mut operator, "application/octet-stream", &file(30, 30)).await;
    assert_eq!((answer.status, answer.rules()), (StatusCode::UNPROCESSABLE_ENTITY, vec!["no_pictures".to_owned()]));
    // Images of other addresses need none.
    let mut product = kettle();
    product["images"] = json!([{"url": "https://e.org/a.jpg"}]);
    create(&mut operator, &product).await;
}

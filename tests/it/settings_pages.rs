//! The settings in the browser: every section can be edited, nothing that was typed is lost, nothing that was typed can run.

use http::{Request, StatusCode, header};
use serde_json::json;
use shopease_shop::testing::fixtures;

use crate::harness::{Answer, Client, TestShop, both_stores};
use crate::settings::{change, current, put};

/// After this time, a change is in force in every process.
const FIVE_SECONDS: time::Duration = time::Duration::seconds(5);

both_stores!(
    every_section_can_be_edited,
    a_wrong_entry_is_shown_beside_its_field_and_kept,
    two_operators_do_not_overwrite_each_other,
    a_change_is_undone_with_one_click,
    images_are_uploaded_shown_and_removed,
    drafts_are_marked_until_they_are_finished,
    nothing_that_a_merchant_types_can_run,
    the_review_names_the_terms,
);

/// The fields of a section's form as the browser would send them: `name`, `value`.
fn fields(page: &str) -> Vec<(String, String)> {
    fields_of(page, "/admin/settings/")
}

/// The fields of the form whose action begins with this path. Of a list, the chosen value.
pub fn fields_of(page: &str, action: &str) -> Vec<(String, String)> {
    let form = page.split(&format!("<form action=\"{action}")).nth(1).expect("a form");
    let form = form.split("</form>").next().expect("its end");
    let attribute = |tag: &str, name: &str| {
        let value = tag.split(&format!(" {name}=\"")).nth(1)?.split('"').next()?;
        Some(unescaped(value))
    };
    let (mut fields, mut list) = (Vec::new(), None);
    for tag in form.split('<') {
        if tag.starts_with("select") {
            list = attribute(tag, "name");
        } else if tag.starts_with("option") && tag.contains(" selected") {
            fields.extend(list.clone().zip(attribute(tag, "value")));
        }
        if !tag.starts_with("input") && !tag.starts_with("textarea") {
            continue;
        }
        let Some(name) = attribute(tag, "name") else { continue };
        let is_box = tag.contains("type=\"checkbox\"");
        if is_box && !tag.contains(" checked") {
            continue;
        }
        let value = if tag.starts_with("textarea") {
            unescaped(tag.split_once('>').expect("a tag").1.trim_start_matches('\n'))
        } else {
            attribute(tag, "value").unwrap_or_default()
        };
        fields.push((name, value));
    }
    fields
}

fn unescaped(text: &str) -> String {
    let entities = [("&#38;", "&"), ("&#60;", "<"), ("&#62;", ">"), ("&#34;", "\""), ("&#39;", "'")];
    entities.iter().rev().fold(text.to_owned(), |text, (entity, c)| text.replace(entity, c))
}

pub fn set(fields: &mut [(String, String)], name: &str, value: &str) {
    let field = fields.iter_mut().find(|(found, _)| found == name);
    value.clone_into(&mut field.unwrap_or_else(|| panic!("no field {name}")).1);
}

pub async fn send(operator: &mut Client, path: &str, fields: &[(String, String)]) -> Answer {
    let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    operator.form(path, &fields).await
}

const SECTIONS: [(&str, &str, &str, &str); 13] = [
    ("shop", "shop.name", "Mlouye", "/shop/name"),
    ("contact", "contact.phone", "+49 30 1", "/contact/phone"),
    ("home", "home.headline", "Bags", "/home/headline"),
    ("footer", "footer.text", "Since 2015", "/footer/text"),
    ("selling", "selling.time_zone", "Europe/Berlin", "/selling/time_zone"),
    ("tax", "tax.rates", "DE standard 19 MwSt.", "/tax/rates/0/title"),
    ("shipping", "shipping.methods[0].title", "Parcel", "/shipping/methods/0/title"),
    ("page-imprint", "pages.imprint.text", "Me", "/pages/imprint/text"),
    ("page-terms", "pages.terms.text", "Mine", "/pages/terms/text"),
    ("page-privacy", "pages.privacy.text", "Yours", "/pages/privacy/text"),
    ("page-shipping", "pages.shipping.text", "Fast", "/pages/shipping/text"),
    ("page-returns", "pages.returns.text", "14 days", "/pages/returns/text"),
    ("page-contact", "pages.contact.text", "Write", "/pages/contact/text"),
];

async fn every_section_can_be_edited(shop: TestShop) {
    shop.sell(&fixtures::product("kettle").category("kitchen").build(), 5).await;
    let mut operator = shop.operator().await;
    assert_eq!(operator.get("/admin/settings").await.header("location"), "/admin/settings/shop");
    for (number, (section, field, value, pointer)) in SECTIONS.into_iter().enumerate() {
        let path = format!("/admin/settings/{section}");
        let before = current(&mut operator).await;
        let mut form = fields(&operator.get(&path).await.text());
        // Sent back as it is, nothing is written.
        assert_eq!(send(&mut operator, &path, &form).await.status, StatusCode::SEE_OTHER, "{section}");
        assert_eq!(current(&mut operator).await, before, "{section}");
        set(&mut form, field, value);
        let saved = send(&mut operator, &path, &form).await;
        assert_eq!(
            (saved.status, saved.header("location")),
            (StatusCode::SEE_OTHER, path.as_str()),
            "{}",
            saved.text()
        );
        let page = operator.get(&path).await.text();
        assert!(page.contains("Saved.") && page.contains("role=\"status\""), "{page}");
        let after = current(&mut operator).await;
        assert_eq!(after["version"], number + 2);
        let shown = after["settings"].pointer(pointer).and_then(|value| value.as_str()).unwrap_or_default();
        assert!(value.ends_with(shown) && !shown.is_empty(), "{section}: {shown}");
    }
    let mut form = fields(&operator.get("/admin/settings/home").await.text());
    let selling = operator.get("/admin/settings/selling").await.text();
    assert!(selling.contains("<option value=\"Europe/Berlin\">"), "time zones are suggested: {selling}");
    form.push(("home.featured_categories".to_owned(), "kitchen".to_owned()));
    send(&mut operator, "/admin/settings/home", &form).await;
    assert_eq!(current(&mut operator).await["settings"]["home"]["featured_categories"], json!(["kitchen"]));
    shop.clock.advance(FIVE_SECONDS);
    let home = shop.client().get("/").await.text();
    for part in ["<h1>Bags</h1>", "Since 2015", "+49 30 1", "href=\"/categories/kitchen\"", "href=\"/pages/imprint\""] {
        assert!(home.contains(part), "{part}: {home}");
    }
}

async fn a_wrong_entry_is_shown_beside_its_field_and_kept(shop: TestShop) {
    let mut operator = shop.operator().await;
    for (section, field, value, sentence) in [
        ("shop", "shop.accent_color", "#ffee00", "Choose a darker color."),
        ("shop", "shop.name", "", "Enter a name."),
        ("contact", "contact.email", "me & you", "Enter an email address"),
        ("home", "home.image.url", "javascript:alert(1)", "Enter an address that starts with https://"),
        ("footer", "footer.links[0].url", "data:x", "Enter an address that starts with"),
        ("selling", "selling.currency", "EURO", "ISO 4217"),
        ("selling", "selling.currency", "€", "&#34;€&#34; is not valid."),
        (
            "selling",
            "selling.countries",
            "DE, UK",
            "&#34;UK&#34; is not the code of a country. Enter GB for United Kingdom.",
        ),
        ("selling", "selling.low_stock_units", "few", "from 0 to 1,000,000"),
        ("tax", "tax.rates", "DE standard 19 VAT\nDE much 19 VAT", "Line 2: &#34;much&#34; is not a tax class."),
        ("tax", "tax.rates", "DE standard", "Line 1: Enter country, class"),
        ("tax", "tax.rates", "UK standard 20 VAT", "Line 1: &#34;UK&#34; is not the code of a country. Enter GB for"),
        (
            "tax",
            "tax.rates",
            "Deutschland standard 19 VAT",
            "Line 1: &#34;Deutschland&#34; is not the code of a country.",
        ),
        ("tax", "tax.rates", "United Kingdom standard 20 VAT", "Enter GB for United Kingdom."),
        ("tax", "tax.rates", "Germany standard 19 VAT", "Enter DE for Germany."),
        (
            "tax",
            "tax.rates",
            "DE standard 0.195 VAT",
            "&#34;0.195&#34; is less than one percent. Enter 19.5 for 19.5 percent",
        ),
        ("tax", "tax.rates", "DE standard 195 VAT", "&#34;195&#34; is not a percentage. Enter a number from 0 to 100"),
        ("tax", "tax.rates", "US-ZZ standard 5 Tax", "&#34;ZZ&#34; is not a state or province of this country."),
        ("tax", "tax.rates", "DE standard 19 VAT\n\nDE standard 7 VAT", "Line 3: Enter a country, state and tax class"),
        ("shipping", "shipping.methods[0].rate", "cheap", "&#34;cheap&#34; is not a price."),
        ("shipping", "shipping.methods[0].rate", "4,90 EUR", "&#34;4,90 EUR&#34; has a comma in an amount."),
        ("shipping", "shipping.methods[0].rate", "heavy: 4.90 EUR", "does not start with a weight limit."),
        (
            "shipping",
            "shipping.methods[0].countries",
            "DE UK",
            "&#34;UK&#34; is not the code of a country. Enter GB for",
        ),
        ("shipping", "shipping.methods[0].min_weight_grams", "light", "&#34;light&#34; is not a weight."),
        ("shipping", "shipping.methods[1].free_from", "75", "&#34;75&#34; is not a price."),
        ("shipping", "shipping.methods[1].id", "standard", "not in the list yet"),
    ] {
        let path = format!("/admin/settings/{section}");
        let before = current(&mut operator).await;
        let mut form = fields(&operator.get(&path).await.text());
        set(&mut form, field, value);
        let answer = send(&mut operator, &path, &form).await;
        let page = answer.text();
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{field}: {page}");
        assert!(page.contains(&format!("id=\"{field}-error\"")) && page.contains(sentence), "{field}: {page}");
        assert!(page.contains("<title>Please check: "), "{field}");
        let kept = fields(&page);
        let typed =
            |form: &[(String, String)]| form.iter().filter(|(name, _)| name != "csrf").cloned().collect::<Vec<_>>();
        assert_eq!(typed(&kept), typed(&form), "{field}: everything typed is still there");
        assert_eq!(current(&mut operator).await, before, "{field}");
    }
    // A form of an earlier session is shown again and changes nothing.
    let mut form = fields(&operator.get("/admin/settings/shop").await.text());
    set(&mut form, "csrf", "stale");
    set(&mut form, "shop.name", "Typed");
    let stale = send(&mut operator, "/admin/settings/shop", &form).await;
    assert_eq!(stale.status, StatusCode::FORBIDDEN);
    assert!(stale.text().contains("value=\"Typed\""), "{}", stale.text());
    assert_eq!(current(&mut operator).await["settings"]["shop"]["name"], "My shop");
}

async fn two_operators_do_not_overwrite_each_other(shop: TestShop) {
    let mut operator = shop.operator().await;
    let mut name = fields(&operator.get("/admin/settings/shop").await.text());
    let mut home = fields(&operator.get("/admin/settings/home").await.text());
    let mut other = fields(&operator.get("/admin/settings/shop").await.text());
    set(&mut name, "shop.name", "First");
    set(&mut home, "home.headline", "Hello");
    set(&mut other, "shop.name", "Second");
    assert_eq!(send(&mut operator, "/admin/settings/shop", &name).await.status, StatusCode::SEE_OTHER);
    // Another section is no conflict.
    assert_eq!(send(&mut operator, "/admin/settings/home", &home).await.status, StatusCode::SEE_OTHER);
    let conflict = send(&mut operator, "/admin/settings/shop", &other).await;
    let page = conflict.text();
    assert_eq!(conflict.status, StatusCode::CONFLICT, "{page}");
    assert!(
        page.contains("operator@example.com changed these settings") && page.contains("value=\"Second\""),
        "{page}"
    );
    let found = current(&mut operator).await;
    assert_eq!(
        (&found["settings"]["shop"]["name"], &found["settings"]["home"]["headline"]),
        (&json!("First"), &json!("Hello"))
    );
    // Saving again is a decision.
    assert_eq!(send(&mut operator, "/admin/settings/shop", &fields(&page)).await.status, StatusCode::SEE_OTHER);
    let found = current(&mut operator).await;
    assert_eq!(
        (&found["settings"]["shop"]["name"], &found["settings"]["home"]["headline"]),
        (&json!("Second"), &json!("Hello"))
    );
}

async fn a_change_is_undone_with_one_click(shop: TestShop) {
    const HISTORY: &str = "/admin/settings/history";
    let mut operator = shop.operator().await;
    change(&mut operator, "/shop/name", json!("Wrong <name>")).await;
    let page = operator.get(HISTORY).await;
    assert!(page.text().contains("Undo the last change") && page.text().contains("operator@example.com: shop"));
    let compared = operator.get(&format!("{HISTORY}/1")).await.text();
    assert!(compared.contains("<code>shop.name</code>") && compared.contains("Wrong &#60;name&#62;"), "{compared}");
    let undo = [("csrf", page.hidden("csrf")), ("version", "1".to_owned()), ("expected_version", "2".to_owned())];
    let undo: Vec<_> = undo.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let done = operator.form(HISTORY, &undo).await;
    assert_eq!((done.status, done.header("location")), (StatusCode::SEE_OTHER, HISTORY), "{}", done.text());
    assert!(operator.get(HISTORY).await.text().contains("Restored."));
    assert_eq!(current(&mut operator).await["settings"]["shop"]["name"], "My shop");
    let twice = operator.form(HISTORY, &undo).await;
    assert_eq!(twice.status, StatusCode::CONFLICT);
    assert!(twice.text().contains("Nothing was restored"), "{}", twice.text());
    assert_eq!(operator.get(&format!("{HISTORY}/9")).await.status, StatusCode::NOT_FOUND);
}

async fn upload(operator: &mut Client, image: &str, csrf: &str, action: &str, file: &[u8]) -> Answer {
    let mut body = Vec::new();
    for (name, value) in [("csrf", csrf.as_bytes()), ("action", action.as_bytes()), ("file", file)] {
        let filename = if name == "file" { "; filename=\"image.png\"" } else { "" };
        let head = format!("--b\r\ncontent-disposition: form-data; name=\"{name}\"{filename}\r\n\r\n");
        body.extend([head.as_bytes(), value, b"\r\n"].concat());
    }
    body.extend(b"--b--\r\n");
    let request = Request::post(format!("/admin/settings/images/{image}"))
        .header(header::CONTENT_TYPE, "multipart/form-data; boundary=b");
    operator.send(request.body(body.into()).expect("a request")).await
}

async fn images_are_uploaded_shown_and_removed(shop: TestShop) {
    let mut operator = shop.operator().await;
    let csrf = operator.get("/admin/settings/shop").await.hidden("csrf");
    let png = fixtures::png(40, 1, 60 * 1024);
    let (large, half, huge) = (fixtures::png(40, 1, 68 * 1024), &png[..png.len() / 2], fixtures::png(40_000, 1, 0));
    let only_head = [&b"\x89PNG\r\n\x1a\n"[..], &[0; 1024]].concat();
    let oversized = [png.as_slice(), &vec![0; 300 * 1024]].concat();
    for (image, shown) in [("logo", "<img src=\"/logo?v="), ("icon", "<link rel=\"icon\" href=\"/icon?v=")] {
        assert_eq!(upload(&mut operator, image, "stale", "upload", &png).await.status, StatusCode::FORBIDDEN);
        let uploaded = upload(&mut operator, image, &csrf, "upload", &png).await;
        assert_eq!(uploaded.status, StatusCode::SEE_OTHER, "{}", uploaded.text());
        shop.clock.advance(FIVE_SECONDS);
        let page = shop.client().get("/").await.text();
        let digest = page.split(shown).nth(1).and_then(|rest| rest.split('"').next()).expect(image);
        let url = format!("/{image}?v={digest}");
        let served = shop.client().get(&url).await;
        assert_eq!((served.header("content-type"), &served.body), ("image/png", &png));
        assert!(served.header("cache-control").contains("immutable"));
        assert_eq!(served.header("content-security-policy"), "default-src 'none'; sandbox");
        for file in [&b"<svg onload=alert(1)>"[..], b"", &large, &oversized, half, &huge, &only_head] {
            let refused = upload(&mut operator, image, &csrf, "upload", file).await;
            let text = refused.text();
            assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{} bytes: {text}", file.len());
            let error = format!("id=\"shop.{image}-error\"");
            assert!(text.contains(&error) && text.contains("at most 64 KiB"), "{text}");
        }
        assert_eq!(upload(&mut operator, image, &csrf, "remove", b"").await.status, StatusCode::SEE_OTHER);
        shop.clock.advance(FIVE_SECONDS);
        assert_eq!(shop.client().get(&format!("/{image}")).await.status, StatusCode::NOT_FOUND);
    }
    assert_eq!(upload(&mut operator, "banner", &csrf, "upload", &png).await.status, StatusCode::NOT_FOUND);
    assert!(shop.client().get("/").await.text().contains("href=\"/favicon.svg?v="));
}

async fn drafts_are_marked_until_they_are_finished(shop: TestShop) {
    let mut operator = shop.operator().await;
    let warning = "These pages are drafts: Imprint, Terms and conditions, Privacy policy, Shipping, Withdrawal and returns, Contact.";
    assert!(operator.get("/admin").await.text().contains(warning));
    let page = shop.client().get("/pages/imprint").await.text();
    assert!(page.contains("This page is a draft.") && page.contains("noindex"), "{page}");
    for kind in ["imprint", "terms", "privacy", "shipping", "returns"] {
        change(&mut operator, &format!("/pages/{kind}"), json!({"text": "# Done\n\n**Text**", "is_draft": false}))
            .await;
    }
    shop.clock.advance(FIVE_SECONDS);
    assert!(operator.get("/admin/stock").await.text().contains("These pages are drafts: Contact."));
    change(&mut operator, "/pages/contact", json!({"text": "Write to us.", "is_draft": false})).await;
    assert!(!operator.get("/admin").await.text().contains("drafts"));
    shop.clock.advance(FIVE_SECONDS);
    let page = shop.client().get("/pages/imprint").await.text();
    assert!(
        page.contains("<h2>Done</h2>") && page.contains("<strong>Text</strong>") && !page.contains("draft"),
        "{page}"
    );
}

async fn nothing_that_a_merchant_types_can_run(shop: TestShop) {
    shop.sell(&fixtures::product("kettle").category("kitchen").build(), 5).await;
    let mut operator = shop.operator().await;
    let attack = "\"><script>alert(1)</script><img src=x onerror=alert(1)>'";
    let markdown = format!("{attack}\n\n[a](javascript:alert(1)) ![a](javascript:alert(1))\n\n<svg onload=alert(1)>");
    let mut document = current(&mut operator).await;
    let settings = &mut document["settings"];
    settings["shop"]["name"] = json!(attack);
    settings["contact"]["phone"] = json!(&attack[..40]);
    settings["contact"]["postal_address"] = json!(attack);
    settings["home"] = json!({
        "headline": attack, "text": attack, "image": {"url": "https://x.example/\"onerror=alert(1)", "alt": attack},
        "featured_categories": [],
    });
    settings["footer"] = json!({
        "text": attack, "links": [{"title": attack, "url": "https://x.example/\"><script>alert(1)</script>"}],
    });
    for kind in ["imprint", "terms", "privacy", "shipping", "returns", "contact"] {
        settings["pages"][kind] = json!({"text": markdown, "is_draft": false});
    }
    settings["tax"]["rates"][0]["title"] = json!(attack);
    settings["shipping"]["methods"][0]["title"] = json!(attack);
    settings["shipping"]["methods"][0]["delivery_estimate"] = json!(attack);
    let written = put(&mut operator, &document["version"], &document["settings"]).await;
    assert_eq!(written.status, StatusCode::OK, "{}", written.text());
    shop.clock.advance(FIVE_SECONDS);
    operator.add("KETTLE", 1).await;
    let kinds = ["imprint", "terms", "privacy", "shipping", "returns", "contact"].map(|kind| format!("/pages/{kind}"));
    let sections = SECTIONS.map(|(section, ..)| format!("/admin/settings/{section}"));
    let others = [
        "/",
        "/products/kettle",
        "/cart",
        "/login",
        "/nothing",
        "/admin",
        "/admin/settings/history",
        "/admin/settings/history/1",
    ];
    for path in kinds.iter().chain(&sections).map(String::as_str).chain(others) {
        let page = operator.get(path).await.text().to_lowercase();
        for tag in page.split('<').skip(1).filter_map(|tag| tag.split('>').next()) {
            let unquoted: String = tag.split('"').step_by(2).collect();
            assert!(!unquoted.contains("onerror") && !unquoted.contains("onload"), "{path}: <{tag}>");
            let is_own_script = tag.starts_with("script src=\"/assets/shop.js");
            let is_own_script = is_own_script || tag == "script type=\"application/ld+json\"";
            assert!(!tag.starts_with("script") || is_own_script, "{path}: <{tag}>");
            assert!(!tag.starts_with("svg onload") && !tag.contains("href=\"javascript:"), "{path}: <{tag}>");
            assert!(!tag.contains("src=\"javascript:"), "{path}: <{tag}>");
        }
    }
    let icon = operator.get("/favicon.svg").await;
    assert!(icon.text().contains(">S</text>"), "{}", icon.text());
}

async fn the_review_names_the_terms(shop: TestShop) {
    shop.sell(&fixtures::product("kettle").build(), 5).await;
    let mut operator = shop.operator().await;
    let mut shopper = shop.client();
    shopper.add("KETTLE", 1).await;
    let csrf = shopper.get("/checkout").await.hidden("csrf");
    let details = [
        ("csrf", csrf.as_str()),
        ("email", "ada@example.com"),
        ("name", "Ada"),
        ("line1", "Gartenweg 3"),
        ("city", "Berlin"),
        ("postal_code", "10115"),
        ("country", "DE"),
    ];
    let shown = shopper.form("/checkout", &[&details[..], &[("action", "review")]].concat()).await;
    assert_eq!(shown.header("location"), "/checkout/review", "{}", shown.text());
    let review = shopper.get("/checkout/review").await;
    assert!(review.text().contains("you accept the <a href=\"/pages/terms\""), "{}", review.text());
    change(&mut operator, "/pages/terms/text", json!("Other terms")).await;
    shop.clock.advance(FIVE_SECONDS);
    let place = async |shopper: &mut Client, review: &Answer| {
        let hidden = ["idempotency_key", "expected_total", "terms_version"].map(|name| review.hidden(name));
        let fields = [
            ("idempotency_key", hidden[0].as_str()),
            ("expected_total", &hidden[1]),
            ("terms_version", &hidden[2]),
            ("shipping_method", "standard"),
            ("payment_method", "card_approved"),
            ("action", "place"),
        ];
        shopper.form("/checkout", &[&details[..], &fields[..]].concat()).await
    };
    let refused = place(&mut shopper, &review).await;
    assert_eq!(refused.header("location"), "/checkout/review");
    let review = shopper.get("/checkout/review").await;
    assert!(review.text().contains("The terms and conditions have changed."), "{}", review.text());
    let placed = place(&mut shopper, &review).await;
    assert!(placed.header("location").starts_with("/orders/"), "{}", placed.text());
    let order = shopper.get(placed.header("location")).await.text();
    assert!(order.contains("/pages/terms?version=2"), "{order}");
}

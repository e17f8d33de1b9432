//! Whole visits, recorded step by step: a guest by API, a guest in a browser without JavaScript, a customer, an operator.

use serde_json::{Value, json};

use crate::client::{Answer, Call};
use crate::deployment::{Deployment, Door, PASSWORD};

/// The recorded requests and responses of a visit.
pub type Transcript = Vec<(String, Result<Answer, String>)>;

/// All visits through one front door.
pub async fn walk(deployment: &Deployment, door: &Door) -> Transcript {
    let mut visit = Visit::new(door);
    visit.guest_by_api(deployment).await;
    visit.cookies.clear();
    visit.guest_in_a_browser(deployment).await;
    visit.cookies.clear();
    visit.customer().await;
    visit.operator(deployment).await;
    visit.transcript
}

pub struct Visit<'a> {
    door: &'a Door,
    cookies: Vec<(String, String)>,
    transcript: Transcript,
}

impl<'a> Visit<'a> {
    pub fn new(door: &'a Door) -> Self {
        Self { door, cookies: Vec::new(), transcript: Vec::new() }
    }

    /// Sends a request with the cookies so far, keeps new cookies, and records request and response.
    pub async fn send(&mut self, call: Call) -> Answer {
        let call = call.of(self.door.letter);
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let what = format!("{} {}", call.method, call.target);
        let sent = if cookies.is_empty() { call } else { call.with("cookie", cookies.join("; ")) };
        let answer = self.door.client.send_with_cookies(&sent).await;
        if let Ok((_, set)) = &answer {
            for (name, value) in set {
                self.cookies.retain(|(known, _)| known != name);
                if !value.is_empty() {
                    self.cookies.push((name.clone(), value.clone()));
                }
            }
        }
        let answer = answer.map(|(answer, _)| answer);
        self.transcript.push((what.clone(), answer.clone()));
        answer.unwrap_or_else(|error| panic!("{}: {what}: {error}", self.door.name))
    }

    async fn api(&mut self, method: &'static str, target: &str, body: &Value) -> Answer {
        self.send(Call::new(method, target).body("application/json", body.to_string())).await
    }

    /// Submits a form of a page with its hidden fields.
    pub async fn submit(&mut self, page: &Answer, action: &str, fields: &[(&str, &str)]) -> Answer {
        let mut pairs: Vec<(String, String)> = hidden_fields(&page.raw, action);
        for (name, value) in fields {
            pairs.retain(|(known, _)| known != name);
            pairs.push(((*name).to_owned(), (*value).to_owned()));
        }
        let form: String = pairs
            .iter()
            .map(|(name, value)| format!("{}={}", escape(name), escape(value)))
            .collect::<Vec<_>>()
            .join("&");
        self.send(
            Call::new("POST", action).body("application/x-www-form-urlencoded", form).header("accept", "text/html"),
        )
        .await
    }

    pub async fn page(&mut self, target: &str) -> Answer {
        self.send(Call::get(target).header("accept", "text/html")).await
    }

    async fn guest_by_api(&mut self, deployment: &Deployment) {
        let Deployment { handle, sku, .. } = deployment;
        self.send(Call::get("/api/v1/categories")).await;
        let first = self.send(Call::get("/api/v1/products?limit=5&sort=price")).await;
        let first: Value = serde_json::from_str(&first.raw).expect("JSON");
        let cursor = first["next_cursor"].as_str().expect("more products").to_owned();
        self.send(Call::get(&format!("/api/v1/products?limit=5&sort=price&cursor={}", escape(&cursor)))).await;
        self.send(Call::get("/api/v1/products?q=linen+note")).await;
        self.send(Call::get(&format!("/api/v1/products/{handle}"))).await;
        self.api("POST", "/api/v1/cart/line-items", &json!({ "sku": sku, "quantity": 2 })).await;
        let cart = self.send(Call::get("/api/v1/cart")).await;
        let cart: Value = serde_json::from_str(&cart.raw).expect("JSON");
        let line = cart["lines"][0]["id"]
            .as_str()
            .or_else(|| cart["line_items"][0]["id"].as_str())
            .expect("a line")
            .to_owned();
        self.api("PATCH", &format!("/api/v1/cart/line-items/{line}"), &json!({ "quantity": 1 })).await;
        let address = json!({ "name": "Ada Lovelace", "line1": "Gartenweg 3", "postal_code": "10115", "city": "Berlin", "country": "DE" });
        let quote = self.api("POST", "/api/v1/checkout/quote", &json!({ "country": "DE" })).await;
        let quote: Value = serde_json::from_str(&quote.raw).expect("JSON");
        let order = json!({
            "email": "ada-door-{door}@parity.test",
            "shipping_address": address,
            "shipping_method": quote["shipping"]["id"],
            "payment_method": "card_approved",
            "expected_total": quote["total"],
        });
        let call = Call::new("POST", "/api/v1/checkout")
            .body("application/json", order.to_string())
            .header("idempotency-key", "order-door-{door}");
        let placed = self.send(call.clone()).await;
        // Repeating the key gives the same response.
        self.send(call).await;
        let placed: Value = serde_json::from_str(&placed.raw).unwrap_or_default();
        if let Some(id) = placed["id"].as_str().or_else(|| placed["order"]["id"].as_str()) {
            self.send(Call::get(&format!(
                "/api/v1/orders/{id}?key={}",
                escape(placed["access_key"].as_str().unwrap_or_default())
            )))
            .await;
        }
    }

    async fn guest_in_a_browser(&mut self, deployment: &Deployment) {
        for target in
            ["/", "/products", "/search?q=linen", "/categories/kitchen", "/assets/shop.css", "/robots.txt", "/nothing"]
        {
            self.page(target).await;
        }
        let review = self.review_of_new_cart(deployment).await;
        let method = chosen(&review.raw, "shipping_method");
        self.submit(
            &review,
            "/checkout",
            &[("shipping_method", &method), ("payment_method", "card_declined"), ("action", "place")],
        )
        .await;
        let declined = self.page("/checkout/review").await;
        let placed = self
            .submit(
                &declined,
                "/checkout",
                &[("shipping_method", &method), ("payment_method", "card_approved"), ("action", "place")],
            )
            .await;
        if let Some(location) = placed.location {
            self.page(&location).await;
        }
    }

    /// Puts a unit into the cart and enters the details. Returns the page on which the order is placed.
    pub async fn review_of_new_cart(&mut self, deployment: &Deployment) -> Answer {
        let product = self.page(&format!("/products/{}", deployment.handle)).await;
        self.submit(&product, "/cart/line-items", &[("sku", &deployment.sku), ("quantity", "1")]).await;
        self.page("/cart").await;
        let checkout = self.page("/checkout").await;
        let address = [
            ("email", "ada@parity.test"),
            ("name", "Ada Lovelace"),
            ("line1", "Gartenweg 3"),
            ("postal_code", "10115"),
            ("city", "Berlin"),
            ("country", "DE"),
        ];
        self.submit(&checkout, "/checkout", &with(&address, &[("action", "review")])).await;
        self.page("/checkout/review").await
    }

    async fn customer(&mut self) {
        let login = self.page("/login").await;
        let email = format!("shopper-door-{}@parity.test", self.door.letter);
        self.submit(&login, "/login", &[("email", &email), ("password", "wrong horse battery")]).await;
        self.submit(&login, "/login", &[("email", &email), ("password", PASSWORD)]).await;
        let account = self.page("/account").await;
        self.send(Call::get("/api/v1/accounts/me")).await;
        self.send(Call::get("/api/v1/orders")).await;
        self.submit(&account, "/logout", &[]).await;
        self.page("/account").await;
    }

    async fn operator(&mut self, deployment: &Deployment) {
        let bearer = format!("Bearer {}", self.door.operator);
        for target in ["/api/v1/admin/products/{handle}/stock", "/admin/stock/{handle}", "/admin/stock?q=linen"] {
            let target = target.replace("{handle}", &deployment.handle);
            self.send(Call::get(&target).header("authorization", &bearer)).await;
        }
    }
}

/// The hidden fields of the form with this action.
fn hidden_fields(page: &str, action: &str) -> Vec<(String, String)> {
    let form = page.split("<form").skip(1).find(|form| form.contains(&format!("action=\"{action}\"")));
    hidden_fields_of(form.and_then(|form| form.split("</form>").next()).unwrap_or_default())
}

/// The hidden fields of a form.
pub fn hidden_fields_of(form: &str) -> Vec<(String, String)> {
    form.split("<input")
        .skip(1)
        .filter_map(|input| {
            let input = input.split('>').next()?;
            let attribute = |name: &str| Some(input.split(&format!("{name}=\"")).nth(1)?.split('"').next()?.to_owned());
            (attribute("type")? == "hidden")
                .then(|| Some((attribute("name")?, attribute("value").unwrap_or_default())))?
        })
        .collect()
}

pub fn escape(text: &str) -> String {
    text.bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

fn with<'a>(fields: &[(&'a str, &'a str)], more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    [fields, more].concat()
}

/// The value of the radio button that is checked.
pub fn chosen(page: &str, name: &str) -> String {
    let checked = page
        .split("<input")
        .skip(1)
        .filter_map(|input| input.split('>').next())
        .find(|input| input.contains(&format!("name=\"{name}\"")) && input.contains(" checked"));
    let value = checked.and_then(|input| input.split("value=\"").nth(1)?.split('"').next());
    value.unwrap_or_else(|| panic!("a {name} is chosen on {page}")).to_owned()
}

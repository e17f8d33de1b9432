// What a shopper does, and what every page on the way must satisfy.

import assert from "node:assert/strict";
import { mkdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";

const axeSource = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export const PHONE = { name: "phone", viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };
export const DESKTOP = { name: "desktop", viewport: { width: 1280, height: 900 } };

/** Opens a browser window of a device. */
export async function open(browser, url, device, javaScriptEnabled = true) {
  const { name, ...options } = device;
  const context = await browser.newContext({ ...options, baseURL: url, javaScriptEnabled });
  const page = await context.newPage();
  const complaints = [];
  page.on("pageerror", (error) => complaints.push(`script error: ${error}`));
  page.on("console", (message) => {
    // The browser also logs a page that returns 4xx on purpose; everything else is a defect.
    if (message.type() === "error" && !/status of 4\d\d/.test(message.text())) complaints.push(message.text());
  });
  return { page, context, device: name, javaScriptEnabled, complaints };
}

/** Checks that the page has no serious accessibility violation, except of these rules, and no horizontal scrolling; takes a
 *  screenshot if SCREENSHOTS names a directory. */
export async function inspect({ page, device, javaScriptEnabled, complaints }, name, except = []) {
  if (javaScriptEnabled) {
    // The page's own policy forbids foreign scripts, but does not apply to the driver's evaluation.
    await page.evaluate(axeSource);
    const { violations } = await page.evaluate(() => globalThis.axe.run({ resultTypes: ["violations"] }));
    const serious = violations.filter(({ id, impact }) => /serious|critical/.test(impact) && !except.includes(id));
    assert.deepEqual(serious.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" | ")}`), [], `accessibility of ${name} on a ${device}`);
    const [content, window] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
    assert.ok(content <= window, `${name} scrolls sideways on a ${device}: ${content} > ${window}`);
  }
  assert.deepEqual(complaints, [], `complaints of the browser on ${name}`);
  if (process.env.SCREENSHOTS) {
    await mkdir(process.env.SCREENSHOTS, { recursive: true });
    await page.screenshot({ path: `${process.env.SCREENSHOTS}/${name}-${device}.png`, fullPage: true });
  }
}

/** Whether a URL is this page, not one that redirects back to it, such as `/login?next=/account`. */
const isAt = (path) => (url) => url.pathname === path;

async function heading(page, text) {
  await page.getByRole("heading", { level: 1, name: text }).waitFor({ timeout: 15_000 });
}

/** Fills in the first step of the checkout. */
export async function fillAddress(page) {
  await page.fill("[name=email]", "ada@example.com");
  await page.fill("[name=name]", "Ada Lovelace");
  await page.fill("[name=line1]", "Gartenweg 3");
  await page.fill("[name=postal_code]", "10115");
  await page.fill("[name=city]", "Berlin");
  await page.selectOption("[name=country]", "DE");
}

/** Enters another address for the invoice, which appears when it is wanted, and the details that are optional. */
async function fillDetails(page) {
  const name = page.locator("[name=billing_name]");
  assert.equal(await name.isVisible(), false, "the billing address is hidden");
  await page.check("[name=billing_other]");
  await name.fill("Accounting");
  await page.fill("[name=billing_line1]", "1 Yonge Street");
  await page.fill("[name=billing_postal_code]", "M5V 3L9");
  await page.fill("[name=billing_city]", "Toronto");
  await page.selectOption("[name=billing_country]", "CA");
  await page.fill("[name=vat_number]", "DE 123 456 789");
  await page.fill("[name=phone]", "+49 30 123456");
  await page.fill("[name=delivery_note]", "Ring twice.\nThen wait.");
}

/** Searches, chooses a variant, and buys two items with a test card; returns the URL of the order. */
export async function buy(visit) {
  const { page } = visit;
  await page.goto("/");
  await inspect(visit, "home");
  await page.locator("input[name=q]").first().fill("linen note");
  await page.keyboard.press("Enter");
  await heading(page, /linen note/i);
  await inspect(visit, "search");
  await page.locator("a[href^='/products/linen-bound-notebook']").first().click();
  await heading(page, "Linen");
  await inspect(visit, "product");
  await chooseVariant(page);
  await page.getByRole("button", { name: "Add to cart" }).click();
  await heading(page, /cart/i);

  await page.goto("/products/hand-coffee-grinder");
  await page.getByRole("button", { name: "Add to cart" }).click();
  await heading(page, /cart/i);
  await inspect(visit, "cart");
  const lines = await page.locator("a[href^='/products/']").evaluateAll((links) => new Set(links.map((link) => link.pathname)).size).catch(() => 2);
  assert.ok(lines >= 2, "two items are in the cart");

  await page.getByRole("button", { name: "Go to checkout" }).click();
  await inspect(visit, "checkout");
  await fillAddress(page);
  await fillDetails(page);
  await inspect(visit, "checkout-details");
  await page.getByRole("button", { name: "Continue to review" }).click();
  await heading(page, "Review and pay");
  await inspect(visit, "review");

  // First a declined card: nothing may be lost.
  await page.check("input[name=payment_method][value=card_declined]");
  await page.getByRole("button", { name: /Order and pay/ }).click();
  await page.getByRole("alert").first().waitFor();
  await heading(page, "Review and pay");
  await inspect(visit, "declined");
  await page.check("input[name=payment_method][value=card_approved]");
  await page.getByRole("button", { name: /Order and pay/ }).click();
  await page.waitForURL(/\/orders\/ord_/);
  await page.getByText("your order is confirmed").waitFor();
  await page.getByText("VAT number: DE123456789").waitFor();
  await inspect(visit, "order");
  return page.url();
}

/** Buys with a card whose bank requires confirmation on its own page. */
export async function buyWithBankConfirmation(visit) {
  const { page } = visit;
  await page.goto("/products/hand-coffee-grinder");
  await page.getByRole("button", { name: "Add to cart" }).click();
  await page.getByRole("button", { name: "Go to checkout" }).click();
  await fillAddress(page);
  await page.getByRole("button", { name: "Continue to review" }).click();
  await page.check("input[name=payment_method][value=card_requires_action]");
  await page.getByRole("button", { name: /Order and pay/ }).click();
  await page.waitForURL(/\/orders\/ord_/);
  await page.getByText("Your bank needs you to confirm this payment").waitFor();
  await inspect(visit, "order-at-the-bank");
  await page.getByRole("link", { name: /Continue at your bank/ }).click();
  await page.waitForURL(/\/authenticate\//);
  await inspect(visit, "bank");
  await page.getByRole("button", { name: "Approve" }).click();
  await page.waitForURL(/\/orders\/ord_/);
  await page.getByText("your order is confirmed").waitFor();
}

/** Back and reload send no form again: not after a declined card, and not after paying, when Back leads to the order. */
export async function goBackAndReload(visit) {
  const { page } = visit;
  const sent = [];
  const inDetails = async () => {
    await page.locator("a[href='/checkout'], button[value=checkout]").first().click();
    await fillAddress(page);
    await page.getByRole("button", { name: "Continue to review" }).click();
    await heading(page, "Review and pay");
  };
  const sendsNoForm = async (what, act) => {
    sent.length = 0;
    await act();
    assert.deepEqual(sent, [], `${what} sends no form`);
    assert.equal(await page.locator("h1").count(), 1, `${what} shows a page of the shop`);
  };
  page.on("request", (request) => request.method() === "POST" && sent.push(request.url()));
  await page.goto("/products/hand-coffee-grinder");
  await page.getByRole("button", { name: "Add to cart" }).click();
  await heading(page, /cart/i);
  await inDetails();
  await page.check("input[name=payment_method][value=card_declined]");
  await page.getByRole("button", { name: /Order and pay/ }).click();
  await page.getByRole("alert").first().waitFor();
  await sendsNoForm("reload after a decline", () => page.reload());
  await heading(page, "Review and pay");
  assert.ok(await page.isChecked("input[name=payment_method][value=card_declined]"), "the choice is kept");
  await sendsNoForm("back after a decline", () => page.goBack());
  await heading(page, /Checkout|Review and pay/);
  await page.goto("/checkout/review");
  await page.check("input[name=payment_method][value=card_approved]");
  await page.getByRole("button", { name: /Order and pay/ }).click();
  await page.getByText("your order is confirmed").waitFor();
  const order = page.url();
  await sendsNoForm("reload after paying", () => page.reload());
  assert.equal(page.url(), order);
  assert.equal(await page.getByText("your order is confirmed").count(), 0, "the confirmation is shown once");
  await sendsNoForm("back after paying", () => page.goBack());
  assert.equal(page.url(), order, "back leads to the order");
}

/** Puts an item into the cart and goes to the review. */
async function review(page) {
  await page.goto("/products/hand-coffee-grinder");
  await page.getByRole("button", { name: "Add to cart" }).click();
  await heading(page, /cart/i);
  await page.getByRole("button", { name: "Go to checkout" }).click();
  await fillAddress(page);
  await page.getByRole("button", { name: "Continue to review" }).click();
  await heading(page, "Review and pay");
}

/** Pays on the payment provider's page: a declined card first, then back to the shop, and from there to the page again. */
export async function payOnThePage(visit) {
  const { page } = visit;
  await review(page);
  await page.check("input[name=payment_method][value=hosted_page]");
  await page.getByRole("button", { name: /Order and pay/ }).click();
  await page.getByRole("heading", { name: /^Pay / }).waitFor();
  await page.getByRole("button", { name: /declined/ }).click();
  await page.getByText("The card was declined").waitFor();
  await page.getByRole("link", { name: "Back to the shop" }).click();
  await page.getByText("It is not paid yet").waitFor();
  await inspect(visit, "order-unpaid");
  await page.getByRole("link", { name: /^Pay / }).click();
  await page.getByRole("button", { name: /4242/ }).click();
  await page.getByText("your order is confirmed").waitFor();
}

/** Chooses another delivery method: the total follows, and what was entered stays. */
export async function changeTheDelivery(visit) {
  const { page } = visit;
  await review(page);
  const before = await page.locator(".totals .sum-total dd").innerText();
  const number = page.getByLabel("Card number");
  if (visit.javaScriptEnabled) {
    await number.fill("4000 0000 0000 0002");
  } else {
    await page.check("input[name=payment_method][value=hosted_page]");
  }
  await page.check("input[name=shipping_method][value=express]");
  if (!visit.javaScriptEnabled) await page.getByRole("button", { name: "Update total" }).click();
  await page.locator(".totals", { hasText: "Delivery: Express" }).waitFor();
  const after = await page.locator(".totals .sum-total dd").innerText();
  assert.notEqual(after, before);
  await page.getByRole("button", { name: `Order and pay ${after}` }).waitFor();
  await inspect(visit, "review-express");
  if (!visit.javaScriptEnabled) {
    assert.ok(await page.isChecked("input[name=payment_method][value=hosted_page]"), "the choice stays");
    return;
  }
  assert.equal(await page.getByRole("button", { name: "Update total" }).count(), 0, "nothing is left to press");
  assert.equal(await number.inputValue(), "4000 0000 0000 0002", "what was entered stays");
  // The last of several quick choices counts.
  await page.keyboard.press("ArrowUp");
  await page.keyboard.press("ArrowDown");
  await page.locator(".totals", { hasText: "Delivery: Express" }).waitFor();
  await number.fill("4242 4242 4242 4242");
  await page.getByRole("button", { name: `Order and pay ${after}` }).click();
  await page.getByText("your order is confirmed").waitFor();
  assert.match(await page.innerText("aside.summary"), /Delivery: Express/);
}

/** Cancels an order that waits for a bank transfer or the bank's confirmation, and pays for the same another way. */
export async function cancelAnOrder(visit) {
  const { page } = visit;
  await review(page);
  const transfer = page.locator("input[name=payment_method][value=bank_transfer]");
  if (await transfer.count()) await transfer.check();
  else await page.check("input[name=payment_method][value=card_requires_action]");
  await page.getByRole("button", { name: /Order and pay/ }).click();
  await page.waitForURL(/\/orders\/ord_/);
  await inspect(visit, "order-to-cancel");
  await page.getByRole("link", { name: "Cancel this order" }).click();
  await heading(page, /^Cancel order /);
  await inspect(visit, "order-cancellation");
  await page.getByRole("link", { name: "Keep the order" }).click();
  await page.getByRole("link", { name: "Cancel this order" }).click();
  await page.getByRole("button", { name: /^Cancel the order of / }).click();
  await page.getByText("The items are in your cart again").waitFor();
  await inspect(visit, "order-canceled");
  await page.getByRole("button", { name: "Order again" }).click();
  await heading(page, "Review and pay");
  await page.getByText("Gartenweg 3").waitFor();
  await page.check("input[name=payment_method][value=card_approved]");
  await page.getByRole("button", { name: /Order and pay/ }).click();
  await page.getByText("your order is confirmed").waitFor();
}

/** Pays in the provider's fields: a number that is no card, a declined card, another one. */
export async function payInFields(visit) {
  const { page } = visit;
  await review(page);
  const number = page.getByLabel("Card number");
  const place = page.getByRole("button", { name: /Order and pay/ });
  await number.fill("12");
  await place.click();
  await page.getByText("Enter the number of a test card.").waitFor();
  await inspect(visit, "review-fields");
  await number.fill("4000 0000 0000 0002");
  await place.click();
  await page.getByText(/declined/).first().waitFor();
  await number.fill("4000 0000 0000 3220");
  await place.click();
  await page.getByRole("link", { name: /Continue at your bank/ }).click();
  await page.getByRole("button", { name: "Approve" }).click();
  await page.getByText("your order is confirmed").waitFor();
}

/** Chooses a variant and a quantity, then opens another image: the choice is kept. */
export async function viewImages(visit) {
  const { page } = visit;
  const product = await productWithPictures(page);
  const variant = product.variants.filter((variant) => variant.in_stock).at(-1).sku;
  const chosen = async () => [
    await page.locator("[name=sku]").evaluateAll((fields) => fields.find((field) => field.checked || field.type !== "radio")?.value),
    await page.inputValue("[name=quantity]"),
  ];
  await page.goto(`/products/${product.handle}?variant=${encodeURIComponent(variant)}&quantity=2`);
  const small = page.locator(".thumbnails a:not([aria-current])").first();
  const picture = await small.locator("img").getAttribute("src");
  const address = page.url();
  await page.evaluate(() => scrollTo(0, 60));
  await small.click();
  await page.locator(`.zoom img[src$="${picture}"]`).waitFor();
  assert.deepEqual(await chosen(), [variant, "2"], "variant and quantity stay");
  if (visit.javaScriptEnabled) {
    assert.equal(page.url(), address, "only the image changes");
    assert.equal(await page.evaluate(() => scrollY), 60, "the page does not move");
    await page.locator(".zoom").click();
    await page.locator(`dialog img[src$="${picture}"]`).waitFor();
    await inspect(visit, "product-enlarged");
    await page.keyboard.press("Escape");
    await page.locator("dialog").waitFor({ state: "detached" });
    assert.equal(await page.locator(".zoom").evaluate((link) => link === document.activeElement), true, "the focus is back");
  }
}

/** Chooses each option of a product: price, picture, and limit follow, and the quantity stays. */
export async function chooseOptions(visit) {
  const { page } = visit;
  await page.goto("/products/enamel-mixing-bowl");
  const price = page.locator(".product-price .price");
  const first = await price.innerText();
  await page.fill("#quantity", "2");
  const option = (name) => page.getByRole("link", { name, exact: true });
  await option("Teal").click();
  await page.getByText("Color: Teal").waitFor();
  await option("3 l").click();
  await page.getByText("Size: 3 l").waitFor();
  assert.notEqual(await price.innerText(), first, "the price is that of the variant");
  assert.match(page.url(), /variant=/, "the address leads to the choice");
  if (visit.javaScriptEnabled) {
    assert.equal(await page.inputValue("#quantity"), "2", "what was typed stays");
    assert.equal(await option("3 l").evaluate((link) => link === document.activeElement), true, "the focus stays");
  }
  await inspect(visit, "product-options");
  await page.getByRole("link", { name: /Tomato.*sold out/ }).click();
  await page.getByRole("button", { name: "Sold out" }).waitFor();
  await inspect(visit, "product-options-sold-out");
  await option("Teal").click();
  await page.getByRole("button", { name: "Add to cart" }).click();
  await heading(page, /cart/i);
  await page.getByText("Teal / 3 l").first().waitFor();
}

async function productWithPictures(page) {
  const { items } = await (await page.request.get("/api/v1/products?limit=100")).json();
  for (const { handle } of items) {
    const product = await (await page.request.get(`/api/v1/products/${handle}`)).json();
    if (product.images.length > 1 && product.variants.filter((variant) => variant.in_stock).length > 1) return product;
  }
  throw new Error("no product has variants and several images");
}

/** Types quantities in the cart: Enter updates it, and the checkout uses the typed quantities. */
export async function changeTheCart(visit) {
  const { page } = visit;
  for (const handle of ["hand-coffee-grinder", "steel-watering-can"]) {
    await page.goto(`/products/${handle}`);
    await page.getByRole("button", { name: "Add to cart" }).click();
    await heading(page, /cart/i);
  }
  const quantity = (at) => page.locator("[name^=quantity-]").nth(at);
  await quantity(0).fill("2");
  await quantity(1).fill("3");
  await quantity(1).press("Enter");
  await page.getByText("Your cart is up to date.").waitFor();
  assert.deepEqual([await quantity(0).inputValue(), await quantity(1).inputValue()], ["2", "3"], "Enter updates every line");
  await quantity(0).fill("1");
  await page.getByRole("button", { name: "Go to checkout" }).click();
  await heading(page, "Checkout");
  await page.goto("/cart");
  assert.equal(await quantity(0).inputValue(), "1", "the checkout uses the typed quantity");
  await quantity(1).fill("999");
  await page.getByRole("button", { name: "Go to checkout" }).click();
  await page.getByText(/Only \d+ left\. Your cart still has 3\./).waitFor();
  assert.equal(await quantity(1).inputValue(), "999");
  await inspect(visit, "cart-short");
}

/** Chooses a variant that is in stock, in whichever form the page offers them, and not always the first. */
async function chooseVariant(page) {
  const select = page.locator("select[name=sku]");
  if (await select.count()) {
    const skus = await select.locator("option:not([disabled])").evaluateAll((options) => options.map((option) => option.value)).catch(() => []);
    await select.selectOption(skus.length > 1 ? skus[1] : { index: 1 });
  } else if (await page.locator("input[name=sku][type=radio]").count()) {
    await page.locator("input[name=sku]:enabled").last().check();
  } else {
    await page.locator(".option-value:not(.unavailable)").last().click();
  }
}

/** Registers, confirms the address if the shop sends mail, signs out and in again, and finds the order in the history. */
export async function useAnAccount(visit, email, confirm = async () => {}) {
  const { page } = visit;
  await page.goto("/products/hand-coffee-grinder");
  await page.getByRole("button", { name: "Add to cart" }).click();
  await heading(page, /cart/i);
  await page.goto("/register");
  await inspect(visit, "register");
  await page.fill("form[action='/register'] [name=name]", "Ada Lovelace");
  await page.fill("form[action='/register'] [name=email]", email);
  await page.fill("form[action='/register'] [name=password]", "correct horse battery");
  await page.locator("form[action='/register'] button[type=submit]").click();
  await page.waitForURL(isAt("/account"));
  await inspect(visit, "account-empty");
  await confirm();
  await page.goto("/cart");
  await page.getByText("Grinder", { exact: false }).first().waitFor();
  await page.getByRole("button", { name: "Go to checkout" }).click();
  await fillAddress(page);
  await page.getByRole("button", { name: "Continue to review" }).click();
  await page.getByRole("button", { name: /Order and pay/ }).click();
  await page.waitForURL(/\/orders\/ord_/);
  const number = (await page.locator("h1 .number").innerText()).trim();
  await page.goto("/account");
  await page.getByText(number).first().waitFor();
  await inspect(visit, "account");
  await page.locator("form[action='/logout'] button").first().click();
  await page.waitForURL(isAt("/"));
  await page.goto("/account");
  await page.waitForURL(isAt("/login"));
  await inspect(visit, "login");
  await page.fill("form[action='/login'] [name=email]", email);
  await page.fill("form[action='/login'] [name=password]", "wrong password");
  await page.locator("form[action='/login'] button[type=submit]").click();
  await page.getByRole("alert").first().waitFor();
  await page.fill("form[action='/login'] [name=password]", "correct horse battery");
  await page.locator("form[action='/login'] button[type=submit]").click();
  await page.waitForURL(isAt("/account"));
  await page.getByText(number).first().waitFor();
}

/** Shops while the weights of the two paths change: the path that serves the next page has the same cart and login. */
export async function shopAcrossPaths(visit, weigh) {
  const { page } = visit;
  const at = async (path, address) => {
    const answer = await page.goto(address);
    assert.equal(answer.headers()["x-shopease-path"], path, `${address} is served by ${path}`);
  };
  await weigh(100, 0);
  await at("fargate", "/products/hand-coffee-grinder");
  await page.getByRole("button", { name: "Add to cart" }).click();
  await heading(page, /cart/i);
  await weigh(0, 100);
  await at("lambda", "/cart");
  await page.getByText("Grinder", { exact: false }).first().waitFor();
  await register(visit, "moved@example.com");
  await weigh(100, 0);
  await at("fargate", "/account");
  await at("fargate", "/cart");
  await page.getByText("Grinder", { exact: false }).first().waitFor();
  await page.getByRole("button", { name: "Go to checkout" }).click();
  await fillAddress(page);
  await page.getByRole("button", { name: "Continue to review" }).click();
  await heading(page, "Review and pay");
  // Change the weights between the review and the order.
  await weigh(0, 100);
  await page.getByRole("button", { name: /Order and pay/ }).click();
  await page.waitForURL(/\/orders\/ord_/);
  await page.getByText("your order is confirmed").waitFor();
  const number = (await page.locator("h1 .number").innerText()).trim();
  await weigh(100, 0);
  await at("fargate", "/account");
  await page.getByText(number).first().waitFor();
}

/** Opens the live page while both paths serve, and changes weights there. */
export async function useFrontDoorPage(visit, weigh) {
  const { page } = visit;
  await weigh(50, 50);
  for (let round = 0; round < 10; round++) await page.request.get("/products");
  await page.goto("/_front-door");
  await page.getByRole("heading", { level: 2, name: "Lambda" }).waitFor();
  await page.waitForFunction(() => /[1-9]/.test(document.body.innerText));
  await inspect(visit, "front-door");
}

/** Opens the cost report, expands a sum to its lines, and changes an input: bills update first, then break-even and charts. */
export async function looksAtTheCosts(visit, file) {
  const { page } = visit;
  await page.goto(file);
  await page.locator("h2", { hasText: "Monthly bill" }).waitFor();
  await inspect(visit, "costs-report");
  await page.goto("/");
  const total = page.locator("strong.total").first();
  const before = await total.innerText();
  await page.locator("details.family summary").first().click();
  await page.locator("details.family details summary").first().click();
  await page.locator(".lines li").first().waitFor();
  // On a phone the inputs are closed at first.
  if (!(await page.locator("#orders").isVisible())) await page.locator("#box > summary").click();
  await page.fill("#orders", "123456");
  await page.locator("#said", { hasText: "Computed in" }).waitFor({ timeout: 60_000 });
  assert.notEqual(await total.innerText(), before, "more orders change the total");
  assert.ok(await page.locator(".lines li").first().isVisible(), "expanded lines stay expanded");
  assert.equal(await page.locator("[aria-busy=true]").count(), 0, "nothing on the page is outdated");
  assert.equal(new URL(page.url()).searchParams.get("orders"), "123456");
  await inspect(visit, "costs-serve");
  await page.fill("[name=minimum_tasks]", "100");
  await page.selectOption("[name=memory_mb]", "3008");
  await page.locator("#said", { hasText: "Computed in" }).waitFor({ timeout: 60_000 });
}

/** Signs in as the operator, partially refunds the newest paid order, marks it as shipped, and corrects a stock level. */
export async function operate(visit, email, password) {
  const { page } = visit;
  await page.goto("/admin");
  await page.waitForURL(isAt("/login"));
  await page.fill("form[action='/login'] [name=email]", email);
  await page.fill("form[action='/login'] [name=password]", password);
  await page.locator("form[action='/login'] button[type=submit]").click();
  await page.waitForURL(isAt("/admin"));
  await page.getByText("ada@example.com").first().waitFor();
  await inspect(visit, "admin-orders");
  const paid = page.locator("tbody tr").filter({ hasText: "Paid" }).filter({ hasNotText: /refunded/i });
  await paid.first().locator("th a[href^='/admin/orders/']").click();
  await heading(page, /Order/);
  await inspect(visit, "admin-order");
  await page.fill("[name=amount]", "1,000");
  await page.getByRole("button", { name: "Continue to refund" }).click();
  await page.getByRole("alert").first().waitFor();
  await page.fill("[name=amount]", "1.50");
  // Enter opens the confirmation; it never refunds.
  await page.press("[name=amount]", "Enter");
  await heading(page, /Refund €1\.50\?/);
  await inspect(visit, "admin-order-confirm");
  await page.getByRole("button", { name: "Refund €1.50", exact: true }).click();
  await page.getByText("€1.50 was refunded.").waitFor();
  await page.getByText("Partially refunded").waitFor();
  await page.getByRole("button", { name: "Mark as shipped" }).click();
  await page.getByText("The order was marked as shipped.").waitFor();
  await page.getByRole("button", { name: /Mark as returned/ }).waitFor();
  await inspect(visit, "admin-order-sent");
  await page.goto("/admin/stock/hand-coffee-grinder");
  await inspect(visit, "admin-stock");
  await page.locator("form[action^='/admin/stock/'] [name=units]").first().fill("41");
  await page.locator("form[action^='/admin/stock/'] button[type=submit]").first().click();
  await page.getByText("41").first().waitFor();
}

/** Opens a page of the administration, and signs in as the operator if needed. */
async function openAdministration({ page }, path, email, password) {
  await page.goto(path);
  if (isAt(path)(new URL(page.url()))) return;
  await page.fill("form[action='/login'] [name=email]", email);
  await page.fill("form[action='/login'] [name=password]", password);
  await page.locator("form[action='/login'] button[type=submit]").click();
  await page.waitForURL(isAt(path));
}

/** The link of the newest mail with a subject to an address. The operator of a laptop can read the mails. */
async function mailedLink(mailReader, operator, address, subject, path) {
  await openAdministration(mailReader, "/admin/mails", operator.email, operator.password);
  const { page } = mailReader;
  const mail = page.locator("tbody tr").filter({ hasText: address }).filter({ hasText: subject });
  while ((await mail.count()) === 0) {
    await page.waitForTimeout(200);
    await page.reload();
  }
  await mail.first().getByRole("link").click();
  await heading(page, new RegExp(subject));
  await inspect(mailReader, "admin-mail");
  const text = await page.locator("pre.mail-source").first().textContent();
  const urls = text.split(/\s+/).filter((word) => URL.canParse(word)).map((word) => new URL(word));
  const link = urls.find((url) => url.pathname === path);
  assert.ok(link, `no link to ${path} in ${text}`);
  return link.pathname + link.search;
}

/** Confirms the email address of a new account with the link that was mailed. */
export async function confirmTheAddress(visit, mailReader, address, operator) {
  const { page } = visit;
  await page.goto("/account");
  await page.getByText("Confirm your email address").waitFor();
  const link = await mailedLink(mailReader, operator, address, "Confirm your email address", "/email/confirm");
  await page.goto(link);
  await heading(page, /Confirm your email address/);
  await inspect(visit, "email-confirm");
  const confirm = async (password) => {
    await page.fill("form[action='/email/confirm'] [name=password]", password);
    await page.getByRole("button", { name: /Confirm/ }).click();
  };
  await confirm("not the password");
  await page.getByText("This is not the password of your account.").first().waitFor();
  await inspect(visit, "email-confirm-error");
  await confirm("correct horse battery");
  await page.waitForURL(isAt("/account"));
  await page.getByRole("status").filter({ hasText: "Your email address is confirmed" }).waitFor();
  await inspect(visit, "email-confirmed");
}

/** Finds an order that was placed without an account, with the link that was mailed to its address. */
export async function findAnOrder(visit, mailReader, number, path, operator) {
  const { page } = visit;
  await page.goto("/login");
  await page.getByRole("main").getByRole("link", { name: "Find an order" }).click();
  await heading(page, /Find an order/);
  await inspect(visit, "order-find");
  const request = async (typed) => {
    await page.fill("main [name=number]", typed);
    await page.fill("main [name=email]", "ada@example.com");
    await page.getByRole("button", { name: "Mail me a link" }).click();
  };
  await request("4711");
  await page.getByText("Enter an order number of ten letters and digits").first().waitFor();
  assert.deepEqual([await page.inputValue("main [name=number]"), await page.inputValue("main [name=email]")], ["4711", "ada@example.com"], "what was typed stays");
  await inspect(visit, "order-find-error");
  await request(number.toLowerCase().replace("-", " "));
  await heading(page, /Check your mail/);
  await inspect(visit, "order-find-sent");
  await page.goto(await mailedLink(mailReader, operator, "ada@example.com", "Link to your order", path));
  await heading(page, new RegExp(number));
}

/** Changes name, email address and password of an account, and deletes it. */
export async function changeTheAccount(visit, mailReader, address, operator) {
  const { page } = visit;
  await register(visit, address);
  await confirmTheAddress(visit, mailReader, address, operator);
  await saveAnAddress(visit);
  const change = async (link, fields, button) => {
    await page.getByRole("link", { name: link }).click();
    await heading(page, new RegExp(link));
    await inspect(visit, link.toLowerCase().replaceAll(" ", "-"));
    for (const [name, value] of Object.entries(fields)) await page.fill(`main [name=${name}]`, value);
    await page.getByRole("button", { name: button }).click();
  };
  await change("Change your name", { name: "Ada King" }, "Save");
  await heading(page, /Ada King/);
  const moved = `moved-${address}`;
  await change("Change your email address", { email: moved, password: "wrong" }, "Save");
  await page.getByText("This is not the password of your account.").first().waitFor();
  assert.equal(await page.inputValue("main [name=email]"), moved, "what was typed stays");
  await page.fill("main [name=password]", "correct horse battery");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText(`Your address becomes ${moved}`).waitFor();
  await inspect(visit, "account-waits");
  await page.goto(await mailedLink(mailReader, operator, moved, "Confirm your email address", "/email/confirm"));
  await page.fill("main [name=password]", "correct horse battery");
  await page.getByRole("button", { name: /Confirm/ }).click();
  await page.getByRole("main").getByText(moved).waitFor();
  const passwords = { new_password: "a brand new password", password: "correct horse battery" };
  await change("Change your password", passwords, /Save/);
  await page.getByRole("status").filter({ hasText: "Your password is changed" }).waitFor();
  await change("Delete your account", { password: "a brand new password" }, "Delete my account");
  await page.getByRole("status").filter({ hasText: "Your account is deleted" }).waitFor();
}

/** Saves an address, looks at it, and does not remove it. */
async function saveAnAddress(visit) {
  const { page } = visit;
  await page.getByRole("link", { name: "Your addresses" }).click();
  await heading(page, "Your addresses");
  await inspect(visit, "addresses-none");
  await page.getByRole("link", { name: "Add an address" }).click();
  await page.fill("main [name=line1]", "Gartenweg 3");
  await page.fill("main [name=postal_code]", "10115");
  await page.selectOption("main [name=country]", "DE");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Enter a city.").first().waitFor();
  await inspect(visit, "address");
  assert.equal(await page.inputValue("main [name=line1]"), "Gartenweg 3", "what was typed stays");
  await page.fill("main [name=city]", "Berlin");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("status").filter({ hasText: "The address is saved" }).waitFor();
  await inspect(visit, "addresses");
  await page.getByRole("link", { name: /Remove/ }).click();
  await heading(page, "Remove this address?");
  await inspect(visit, "address-removal");
  await page.getByRole("link", { name: "Keep it" }).click();
  await page.getByText("Gartenweg 3").first().waitFor();
  await page.goto("/account");
}

async function register({ page }, email) {
  await page.goto("/register");
  await page.fill("form[action='/register'] [name=name]", "Ada Lovelace");
  await page.fill("form[action='/register'] [name=email]", email);
  await page.fill("form[action='/register'] [name=password]", "correct horse battery");
  await page.locator("form[action='/register'] button[type=submit]").click();
  await page.waitForURL(isAt("/account"));
}

/** Forgets the password of a new account, and sets a new one with the link that was mailed. The operator of a laptop can read the mail. */
export async function resetThePassword(visit, mailReader, email, operator) {
  const { page } = visit;
  await register(visit, email);
  await confirmTheAddress(visit, mailReader, email, operator);
  await page.locator("form[action='/logout'] button").first().click();
  await page.waitForURL(isAt("/"));
  await page.goto("/login");
  await page.getByRole("link", { name: "Forgot your password?" }).click();
  await heading(page, /Forgot your password/);
  await inspect(visit, "password-forgot");
  const request = async (address) => {
    await page.fill("form[action='/password/forgot'] [name=email]", address);
    await page.getByRole("button", { name: "Mail me a link" }).click();
  };
  await request("ada at example");
  await page.locator(".error-summary, [role=alert]").first().waitFor();
  assert.equal(await page.inputValue("[name=email]"), "ada at example", "what was typed stays");
  await request(email);
  await heading(page, /Check your mail/);
  await inspect(visit, "password-sent");

  const link = await mailedLink(mailReader, operator, email, "Reset your password", "/password/reset");
  await page.goto(link);
  await heading(page, /Choose a new password/);
  await inspect(visit, "password-reset");
  const choose = async (password) => {
    await page.fill("form[action='/password/reset'] [name=password]", password);
    await page.getByRole("button", { name: /Save/ }).click();
  };
  await choose("short");
  await page.getByText("Enter a password of 8 to 256 characters.").first().waitFor();
  await inspect(visit, "password-reset-error");
  await choose("a brand new password");
  await page.waitForURL((url) => url.pathname === "/login");
  await page.getByRole("status").filter({ hasText: "Your password has been changed" }).waitFor();
  await inspect(visit, "password-changed");
  await page.fill("form[action='/login'] [name=email]", email);
  await page.fill("form[action='/login'] [name=password]", "a brand new password");
  await page.locator("form[action='/login'] button[type=submit]").click();
  await page.waitForURL(isAt("/account"));
  await page.goto(link);
  await page.getByRole("link", { name: "Request a new link" }).waitFor();
  await inspect(visit, "password-link-used");
}

/** Gives the shop another name, which is wrong at first, sees it on the home page, and undoes the change. */
export async function changeTheSettings(visit, operator) {
  const { page } = visit;
  await openAdministration(visit, "/admin/settings/shop", operator.email, operator.password);
  await inspect(visit, "settings");
  const before = await page.inputValue("[name='shop.name']");
  const save = async (name) => {
    await page.fill("[name='shop.name']", name);
    await page.getByRole("button", { name: "Save", exact: true }).click();
  };
  await save("x".repeat(61));
  await page.getByRole("alert").first().waitFor();
  assert.equal(await page.inputValue("[name='shop.name']"), "x".repeat(61), "what was typed stays");
  await inspect(visit, "settings-error");
  await save("Kettles & Co");
  await page.getByText("Saved. The change is in force within five seconds.").waitFor();
  await page.goto("/");
  await page.locator("header .brand", { hasText: "Kettles & Co" }).waitFor();
  await inspect(visit, "home-renamed");
  await page.goto("/admin/settings/history");
  await inspect(visit, "settings-history");
  await page.getByRole("button", { name: "Undo the last change" }).click();
  await page.getByText("Restored. The change is in force within five seconds.").waitFor();
  await page.goto("/");
  await page.locator("header .brand", { hasText: before }).waitFor();
  await page.goto("/pages/terms");
  await inspect(visit, "terms");
}

/** Writes a product with two options, adds photographs and a file that is none, and looks at it as a shopper. */
export async function writeAProduct(visit, operator, title) {
  const { page } = visit;
  await openAdministration(visit, "/admin/new-product", operator.email, operator.password);
  await page.fill("#title", title);
  await page.selectOption("#status", "active");
  for (const [place, name] of ["Size", "Color"].entries()) await page.fill(`[name='options[${place}]']`, name);
  await page.getByRole("button", { name: "Add variant" }).click();
  for (const [row, values] of [["S", "Red"], ["L", "Blue"]].entries()) {
    for (const [place, value] of values.entries()) await page.fill(`[name='variants[${row}].option_values[${place}]']`, value);
    await page.fill(`[name='variants[${row}].price']`, "19.90");
    await page.fill(`[name='variants[${row}].initial_stock']`, "5");
  }
  const photographs = await page.evaluate(async () => {
    const encoded = [];
    for (const [width, height, color] of [[3200, 2400, "#a33"], [300, 500, "#33a"]]) {
      const canvas = Object.assign(document.createElement("canvas"), { width, height });
      const context = canvas.getContext("2d");
      context.fillStyle = color;
      context.fillRect(0, 0, width, height);
      // Noise, which makes the file too large to be sent as it is.
      const pixels = context.getImageData(0, 0, width, height);
      for (let place = 0; place < pixels.data.length; place += 4) pixels.data[place] += ((place * 2654435761) >>> 24) / 4;
      context.putImageData(pixels, 0, 0);
      encoded.push(canvas.toDataURL("image/jpeg", 0.95).split(",")[1]);
    }
    return encoded;
  });
  const files = photographs.map((file, number) => ({ name: `${number}.jpg`, mimeType: "image/jpeg", buffer: Buffer.from(file, "base64") }));
  assert.ok(files[0].buffer.length > 700 * 1024, "a photograph that must be made smaller");
  await page.setInputFiles("#file", [...files, { name: "note.jpg", mimeType: "image/jpeg", buffer: Buffer.from("not a picture") }]);
  await page.getByText("2 of 3 added. Save the product to keep them.").waitFor({ timeout: 180_000 });
  await page.getByText("note.jpg: Choose a complete JPEG, PNG, WebP or GIF file").waitFor();
  assert.equal(await page.inputValue("#title"), title, "what was typed stays");
  await page.locator(".picture-fields").nth(1).getByLabel("Description").fill("The back");
  await page.locator("[name='variants[1].image']").selectOption({ index: 2 });
  await inspect(visit, "product-form");
  await page.getByRole("button", { name: "Save", exact: true }).last().click();
  await page.getByText("Saved. Shoppers see the change within seconds.").waitFor();
  await page.getByRole("link", { name: "View in the shop" }).click();
  await heading(page, new RegExp(title));
  await inspect(visit, "product-with-pictures");
  const first = await page.locator(".zoom img").evaluate(async (image) => { await image.decode(); return image.currentSrc; });
  assert.match(first, /\/assets\/pictures\/.*-(320|640|1280|1920)\.webp$/);
  await page.locator(".option-value").filter({ hasText: /^L/ }).click();
  await page.waitForFunction((before) => document.querySelector(".zoom img").currentSrc !== before, first);
  assert.equal(await page.locator(".zoom img").getAttribute("alt"), "The back");
  // Prices of a selection change after a look at the new ones.
  await page.goto("/admin/products");
  await page.getByRole("checkbox", { name: /^Select/ }).first().check();
  await page.fill("#price_change", "-10");
  await page.getByLabel("Show the price until now as the former price").check();
  await page.getByRole("button", { name: "Change selected products" }).click();
  await heading(page, "Change the prices of 1 product?");
  await inspect(visit, "prices-confirm");
  await page.getByRole("button", { name: "Change prices" }).click();
  await page.getByText("The selected products were changed.").waitFor();
}

/** Follows the invitation to set the shop up, enters a wrong address at first, and removes the demo products. */
export async function setUpTheShop(visit, operator) {
  const { page } = visit;
  await openAdministration(visit, "/admin", operator.email, operator.password);
  await inspect(visit, "setup-invitation");
  await page.getByRole("link", { name: "Set up your shop" }).click();
  await heading(page, /Set up your shop/);
  await page.getByRole("link", { name: "Change your password" }).waitFor();
  await inspect(visit, "setup");
  const save = () => page.getByRole("button", { name: "Save", exact: true }).click();
  await page.fill("[name=name]", "Kettles & Co");
  await page.fill("main [name=email]", "hello at kettles");
  await page.selectOption("[name=country]", "SE");
  await save();
  await page.getByRole("alert").first().waitFor();
  assert.equal(await page.inputValue("main [name=email]"), "hello at kettles", "what was typed stays");
  assert.equal(await page.inputValue("[name=country]"), "SE", "what was chosen stays");
  assert.ok(await page.isChecked("[name=remove_demo]"));
  await inspect(visit, "setup-error");
  await page.fill("main [name=email]", "hello@kettles.example");
  await save();
  await page.getByRole("status").filter({ hasText: "Your shop is set up." }).waitFor();
  assert.equal(await page.locator("[name=remove_demo]").count(), 0, "the demo products are gone");
  await inspect(visit, "setup-done");
  await page.goto("/admin");
  assert.equal(await page.getByRole("link", { name: "Set up your shop" }).count(), 0, "the invitation is gone");
  // Lists may be five seconds old.
  await page.waitForTimeout(5_500);
  await page.goto("/");
  await page.locator("header .brand", { hasText: "Kettles & Co" }).waitFor();
  assert.equal(await page.locator("a[href^='/products/'], a[href^='/categories/']").count(), 0, "nothing of the demo catalog is left");
  await inspect(visit, "home-set-up");
}

/** Looks an operation up in the API reference: its example, what it responds, and the policy that a violation would log. */
export async function readApiReference(visit) {
  const { page } = visit;
  const answer = await page.goto("/api/docs");
  assert.match(answer.headers()["content-security-policy"], /script-src 'self';/);
  await page.getByRole("heading", { name: "From the cart to an order" }).waitFor({ timeout: 15_000 });
  const operation = page.locator("#operations-cart-add_line_item");
  await operation.getByRole("button").first().click();
  await operation.getByText('"KET-COP-08"').first().waitFor();
  await operation.getByText("Not enough units in stock").waitFor();
  for (const group of ["catalog", "cart", "checkout", "accounts", "admin"]) assert.ok(await page.locator(`#operations-tag-${group}`).isVisible(), group);
  // Violations of Swagger UI itself.
  await inspect(visit, "api-reference", ["color-contrast", "nested-interactive", "scrollable-region-focusable"]);
  await page.locator("header a[href='/']").click();
  await page.waitForURL(isAt("/"));
}

/** Error pages and empty results must meet the same standards as other pages. */
export async function viewErrorPages(visit) {
  const { page } = visit;
  for (const [name, path, status] of [
    ["not-found", "/products/no-such-thing", 404],
    ["foreign-order", "/orders/ord_01ARZ3NDEKTSV4RRFFQ69G5FAV", 404],
    ["bad-address", "/%5C", 400],
    ["nothing-found", "/search?q=zzzzzz", 200],
  ]) {
    const answer = await page.goto(path);
    assert.equal(answer.status(), status, path);
    await inspect(visit, name);
    assert.ok(await page.locator("a[href='/']").count(), `${path} links to the home page`);
  }
}

// No page is wider than its screen: every product page of real exports, and a shop in which every text is one long word.

import assert from "node:assert/strict";
import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const WIDTHS = [320, 390, 820];

/** The longest text without a break opportunity that a real page may contain. */
export const LONG_WORD = "Donaudampfschifffahrtselektrizitaetenhauptbetriebswerkbauten".slice(0, 60);

/** A browser window without images: the page reserves their space before they load. */
async function open(browser, url) {
  const context = await browser.newContext({ baseURL: url });
  await context.route(/\.(svg|png|jpe?g|webp|gif)(\?|$)/, (route) => route.abort());
  return context.newPage();
}

/** Lists the widths at which the open page is wider than the screen, one line each. */
async function tooWide(page) {
  const faults = [];
  // The styles are loaded.
  await page.waitForLoadState();
  for (const width of WIDTHS) {
    await page.setViewportSize({ width, height: 800 });
    const content = await page.evaluate(() => document.documentElement.scrollWidth);
    if (content > width) faults.push(`${new URL(page.url()).pathname} is ${content} px wide on a screen of ${width} px`);
  }
  return faults;
}

/** The HTML of every product page of the shop, found through the API's listing. */
async function productPages(page) {
  const pages = [];
  let cursor = "";
  do {
    const listing = await (await page.request.get(`/api/v1/products?limit=100${cursor}`)).json();
    for (const { handle } of listing.items) {
      pages.push({ handle, html: await (await page.request.get(`/products/${encodeURIComponent(handle)}`)).text() });
    }
    cursor = listing.next_cursor && `&cursor=${encodeURIComponent(listing.next_cursor)}`;
  } while (cursor);
  return pages;
}

/** Every product page of the shop. One page stays open and loads the content of the others, so that hundreds take only seconds. */
export async function everyProductFits(browser, url) {
  const page = await open(browser, url);
  const pages = await productPages(page);
  assert.ok(pages.length > 20, `an export of ${pages.length} products`);
  await page.goto(`/products/${encodeURIComponent(pages[0].handle)}`, { waitUntil: "domcontentloaded" });
  const faults = [];
  for (const width of WIDTHS) {
    await page.setViewportSize({ width, height: 800 });
    for (const { handle, html } of pages) {
      const content = await page.evaluate((text) => {
        const next = new DOMParser().parseFromString(text, "text/html");
        document.querySelector("main").replaceWith(next.querySelector("main"));
        return document.documentElement.scrollWidth;
      }, html);
      if (content > width) faults.push(`${handle} is ${content} px wide on a screen of ${width} px`);
    }
  }
  await page.context().close();
  assert.deepEqual(faults, [], `${faults.length} of ${pages.length} products at ${WIDTHS.length} widths`);
}

/** Writes a catalog whose texts are long words; returns the path of the file. */
export async function catalogOfLongWords() {
  const file = join(await mkdtemp(join(tmpdir(), "long-words-")), "catalog.csv");
  const header = "Handle,Title,Body (HTML),Vendor,Type,Option1 Name,Option1 Value,Variant SKU,Variant Inventory Tracker,Variant Inventory Qty,Variant Price,Status";
  const row = (value) => `long-word,${LONG_WORD},<p>${LONG_WORD}</p>,${LONG_WORD},${LONG_WORD},${LONG_WORD},${value}${LONG_WORD},${value}${LONG_WORD},shopify,9,123456.00,active`;
  await writeFile(file, [header, row("A"), row("B")].join("\n"));
  return file;
}

/** Every page of a purchase, with only long words. */
export async function longWordsFit(browser, url, operator) {
  const page = await open(browser, url);
  const faults = [];
  const look = async () => faults.push(...(await tooWide(page)));
  const at = async (path) => {
    await page.goto(path);
    await look();
  };
  const press = async (selector) => {
    await page.locator(selector).first().click();
    await look();
  };
  for (const path of ["/", "/products", `/search?q=${LONG_WORD}`, `/search?q=${"y".repeat(60)}`, `/no/${LONG_WORD}`, "/login", "/cart"]) await at(path);
  await at("/products/long-word");
  await page.fill("[name=quantity]", "9");
  await press("form.buy button");
  await page.goto("/products/long-word");
  await press("form.buy button");
  await at("/cart");
  await page.goto("/register");
  await page.fill("form[action='/register'] [name=name]", LONG_WORD);
  await page.fill("form[action='/register'] [name=email]", `${LONG_WORD}@${LONG_WORD}.example`);
  await page.fill("form[action='/register'] [name=password]", "short");
  await press("form[action='/register'] button");
  await page.fill("form[action='/register'] [name=password]", "correct horse battery");
  await press("form[action='/register'] button");
  await at("/checkout");
  for (const field of ["name", "line1", "line2", "city", "postal_code"]) await page.fill(`[name=${field}]`, LONG_WORD);
  await press("main form button[value=review]");
  await page.selectOption("[name=country]", "DE");
  await press("main form button[value=review]");
  await page.check("input[name=payment_method][value=card_declined]");
  await press("button[value=place]");
  await page.check("input[name=payment_method][value=card_approved]");
  await press("button[value=place]");
  await page.waitForURL(/\/orders\/ord_/);
  await look();
  await at("/account");
  await page.locator("form[action='/logout'] button").click();
  await page.goto("/login?next=/admin");
  await page.fill("form[action='/login'] [name=email]", operator.email);
  await page.fill("form[action='/login'] [name=password]", operator.password);
  await press("form[action='/login'] button");
  await press("th a[href^='/admin/orders/']");
  for (const path of ["/admin/stock", "/admin/stock/long-word"]) await at(path);
  await page.context().close();
  assert.deepEqual(faults, []);
}

// Starts every deployment and shops in it. Environment: SHOPEASE_BINARY, SHOPEASE_TEST_DATABASE_URL, CHROMIUM,
// CARGO_LAMBDA (all set by `cargo xtask test --only journeys`); SCREENSHOTS names a directory for screenshots.

import assert from "node:assert/strict";
import { access, readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

import { chromium } from "playwright-core";

import * as deployments from "./deployments.mjs";
import { DESKTOP, PHONE, buy, buyWithBankConfirmation, cancelAnOrder, changeTheCart, changeTheDelivery, goBackAndReload, payInFields, payOnThePage, useAnAccount, shopAcrossPaths, viewErrorPages, looksAtTheCosts, readApiReference, resetThePassword, findAnOrder, confirmTheAddress, changeTheAccount, changeTheSettings, setUpTheShop, writeAProduct, viewImages, chooseOptions, useFrontDoorPage, open, operate } from "./shopper.mjs";
import { LONG_WORD, catalogOfLongWords, everyProductFits, longWordsFit } from "./widths.mjs";

/** The directory of exports of real shops, which are not part of the sources: next to them unless the variable sets another. */
const CATALOGS = process.env.SHOPEASE_TEST_CATALOGS ?? fileURLToPath(new URL("../../../shared/catalogs", import.meta.url));

const browser = await chromium.launch({
  executablePath: deployments.required("CHROMIUM"),
  args: ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});

async function step(name, run) {
  const begun = Date.now();
  const seconds = () => ((Date.now() - begun) / 1000).toFixed(1);
  try {
    const result = await run();
    console.log(`ok  ${name} (${seconds()} s)`);
    return result;
  } catch (error) {
    console.log(`FAILED  ${name} (${seconds()} s)`);
    throw Object.assign(error, { step: name });
  }
}

/** Prints what is needed to understand a failure: the open pages, and the output of the processes. */
async function describe() {
  const shown = [];
  for (const page of browser.contexts().flatMap((context) => context.pages())) {
    const text = await page.innerText("body", { timeout: 5_000 }).catch((unreadable) => `(${unreadable.message})`);
    shown.push(`--- page ${page.url()}\n${text.replace(/\n+/g, " / ").slice(0, 1_500)}`);
  }
  for (const deployment of running) for (const process of deployment.processes()) shown.push(`--- ${process.name} wrote\n${process.log.slice(-3_000)}`);
  console.log(shown.join("\n"));
}

async function shopOnce(deployment, device, javaScript = true) {
  const visit = await open(browser, deployment.url, device, javaScript);
  const order = await step(`${deployment.name}: buys on a ${device.name}${javaScript ? "" : " without JavaScript"}`, () => buy(visit));
  await visit.context.close();
  return new URL(order);
}

/** The file exists until the operator has signed in. */
async function operatorOf(deployment) {
  deployment.operator ??= { email: "operator@shopease.test", password: (await readFile(`${deployment.directory}/operator-password.txt`, "utf8")).trim() };
  return deployment.operator;
}

/** No page is wider than its screen. */
async function fitsScreens() {
  const wordy = await deployments.embedded({ catalog: await catalogOfLongWords(), SHOPEASE_NAME: LONG_WORD });
  running.push(wordy);
  await step("long words: every page fits its screen", async () => longWordsFit(browser, wordy.url, await operatorOf(wordy)));
  for (const name of ["store-a", "store-d"]) {
    const catalog = `${CATALOGS}/${name}.csv`;
    if (!(await access(catalog).then(() => true, () => false))) {
      console.log(`skipped  ${name}: every product fits its screen (there is no ${catalog})`);
      continue;
    }
    const shop = await step(`${name}: is imported`, () => deployments.embedded({ catalog }));
    running.push(shop);
    await step(`${name}: every product fits its screen`, () => everyProductFits(browser, shop.url));
  }
}

async function seesOrder(base, order) {
  const visit = await open(browser, base, DESKTOP);
  const answer = await visit.page.goto(order.pathname + order.search);
  assert.equal(answer.status(), 200);
  const number = await visit.page.locator("h1 .number").innerText();
  await visit.context.close();
  return number;
}

/** One process with the embedded store, for everything that a shopper and a merchant do. */
async function journeysOfOneProcess(local) {
  const order = await shopOnce(local, DESKTOP);
  await shopOnce(local, PHONE);
  await shopOnce(local, PHONE, false);

  const { email, password } = await operatorOf(local);
  for (const device of [DESKTOP, PHONE]) {
    const [visit, reader] = [await open(browser, local.url, device), await open(browser, local.url, device)];
    const address = `ada-${device.name}@example.com`;
    const confirm = () => confirmTheAddress(visit, reader, address, { email, password });
    await step(`one process: has an account on a ${device.name}`, () => useAnAccount(visit, address, confirm));
    await visit.context.close();
    const moving = await open(browser, local.url, device);
    await step(`one process: changes the account on a ${device.name}`, () => changeTheAccount(moving, reader, `grace-${device.name}@example.com`, { email, password }));
    await moving.context.close();
    await reader.context.close();
  }
  for (const device of [DESKTOP, PHONE]) {
    const bankShopper = await open(browser, local.url, device);
    await step(`one process: bank confirmation on a ${device.name}`, () => buyWithBankConfirmation(bankShopper));
    await bankShopper.context.close();
    const lost = await open(browser, local.url, device);
    await step(`one process: error pages on a ${device.name}`, () => viewErrorPages(lost));
    await lost.context.close();
    const reader = await open(browser, local.url, device);
    await step(`one process: the API reference on a ${device.name}`, () => readApiReference(reader));
    await reader.context.close();
  }
  for (const javaScript of [true, false]) {
    const without = javaScript ? "" : " without JavaScript";
    for (const [what, act] of [["back and reload", goBackAndReload], ["images", viewImages], ["choosing options", chooseOptions], ["changing the cart", changeTheCart], ["the payment page", payOnThePage], ["another delivery method", changeTheDelivery], ["canceling an order", cancelAnOrder], ...(javaScript ? [["fields of the payment provider", payInFields]] : [])]) {
      const shopper = await open(browser, local.url, PHONE, javaScript);
      await step(`one process: ${what}${without}`, () => act(shopper));
      await shopper.context.close();
    }
  }
  const operator = await open(browser, local.url, DESKTOP);
  await step("one process: the operator works", () => operate(operator, email, password));
  await operator.context.close();
  const phone = await open(browser, local.url, PHONE);
  await step("one process: the operator works on a phone", () => operate(phone, email, password));
  await phone.context.close();

  for (const device of [DESKTOP, PHONE]) {
    const shopper = await open(browser, local.url, device);
    const reader = await open(browser, local.url, device);
    const address = `forgetful-${device.name}@example.com`;
    await step(`one process: a forgotten password on a ${device.name}`, () => resetThePassword(shopper, reader, address, { email, password }));
    await shopper.context.close();
    const guest = await open(browser, local.url, device);
    const number = await seesOrder(local.url, order);
    await step(`one process: an order is found on a ${device.name}`, () => findAnOrder(guest, reader, number, order.pathname, { email, password }));
    await guest.context.close();
    await reader.context.close();
    const merchant = await open(browser, local.url, device);
    await step(`one process: writes a product on a ${device.name}`, () => writeAProduct(merchant, { email, password }, `Shirt for a ${device.name}`));
    await step(`one process: the settings on a ${device.name}`, () => changeTheSettings(merchant, { email, password }));
    await merchant.context.close();
  }
  return order;
}

/** The first page of a new shop. */
async function firstRuns() {
  for (const device of [DESKTOP, PHONE]) {
    const fresh = await deployments.embedded();
    running.push(fresh);
    const merchant = await open(browser, fresh.url, device);
    await step(`one process: the first run on a ${device.name}`, async () => setUpTheShop(merchant, await operatorOf(fresh)));
    await merchant.context.close();
  }
}

/** Frontend and backend as two processes. */
async function journeysOfPair(start) {
  const pair = await start();
  running.push(pair);
  await shopOnce(pair, DESKTOP);
  await shopOnce(pair, PHONE);
  const visit = await open(browser, pair.url, DESKTOP);
  await step(`${pair.name}: has an account`, () => useAnAccount(visit, "ada@example.com"));
  await visit.context.close();
}

/** Server and functions behind one address, and the report about both. */
async function journeysOfBothPaths() {
  const door = await deployments.frontDoor();
  running.push(door);
  const moved = await open(browser, door.url, DESKTOP);
  await step("front door: cart, login and order survive a change of weights", () => shopAcrossPaths(moved, door.weigh));
  await moved.context.close();
  await door.weigh(50, 50);
  await shopOnce(door, PHONE);
  for (const device of [DESKTOP, PHONE]) {
    const live = await open(browser, door.url, device);
    await step(`front door: the live page on a ${device.name}`, () => useFrontDoorPage(live, door.weigh));
    await live.context.close();
  }
  const report = await deployments.costs();
  running.push(report);
  for (const device of [DESKTOP, PHONE]) {
    const reader = await open(browser, report.url, device);
    await step(`costs: the report on a ${device.name}`, () => looksAtTheCosts(reader, report.file));
    await reader.context.close();
  }
}

/** Functions and server on the data of the one process. */
async function journeysOnTheSameData(local, lambda, order) {
  const lambdaOrder = await shopOnce(lambda, DESKTOP);
  await shopOnce(lambda, PHONE);
  const reader = await open(browser, lambda.url, DESKTOP);
  await step("functions: the API reference", () => readApiReference(reader));
  await reader.context.close();
  await step("an order of the functions is seen by the server on the same data", () => seesOrder(local.url, lambdaOrder));
  await journeysOfPair(() => deployments.onDynamoDb(local.engine));
  await step("one process: the order survives a restart", async () => {
    const before = await seesOrder(local.url, order);
    await local.restart();
    assert.equal(await seesOrder(local.url, order), before);
  });
}

/** Deployments with stores of their own. The functions start on the data of the one process, and wait. */
async function otherDeployments(local) {
  const lambda = await step("cargo lambda watch starts", () => deployments.lambda(local.engine));
  running.push(lambda);
  await firstRuns();
  await fitsScreens();
  await journeysOfPair(deployments.onPostgres);
  await journeysOfBothPaths();
  return lambda;
}

const running = [];
let failure;
try {
  const local = await deployments.embedded();
  running.push(local);
  // Beside each other: much of a journey is waiting. After a failure of one, the other continues, and then everything stops.
  const results = await Promise.allSettled([journeysOfOneProcess(local), otherDeployments(local)]);
  const failed = results.find(({ status }) => status === "rejected");
  if (failed) throw failed.reason;
  const [order, lambda] = results.map(({ value }) => value);
  await journeysOnTheSameData(local, lambda, order);
} catch (error) {
  failure = error;
  await describe();
} finally {
  for (const deployment of running.reverse()) {
    await step(`${deployment.name} stops`, () => deployment.stop()).catch((error) => (failure ??= error));
  }
  await browser.close();
}
if (failure) {
  console.log(`\n${failure.step}: ${failure.stack}`);
  process.exitCode = 1;
}

// Progressive enhancement. Every page works without it.

// Scrolls the current category of the horizontal list into view.
const current = document.querySelector(".departments [aria-current]");
const departments = current?.closest("ul");
if (departments) {
  departments.scrollLeft = current.offsetLeft - (departments.clientWidth - current.offsetWidth) / 2;
}

// Screen readers announce the errors of a form at once.
document.querySelector(".summary-of-errors")?.focus();

// Choosing a variant changes what depends on it, and nothing else: price, options, stock, pictures. The server decides what.
const buy = document.querySelector(".buy");
const gallery = document.querySelector(".gallery");
let choosing;
async function choose(url) {
  choosing?.abort();
  choosing = new AbortController();
  const response = await fetch(url, { signal: choosing.signal });
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  if (!response.ok || !page.querySelector(".buy")) throw new Error("not a product that is for sale");
  const focused = document.activeElement?.closest(".option-value");
  const place = [...document.querySelectorAll(".option-value")].indexOf(focused);
  for (const part of document.querySelectorAll("[data-part]")) {
    const next = page.querySelector(`[data-part="${part.dataset.part}"]`);
    if (part.innerHTML !== next.innerHTML) part.replaceChildren(...next.childNodes);
  }
  buy.elements.quantity.max = page.querySelector("#quantity").max;
  // The values stay in their order.
  if (focused) document.querySelectorAll(".option-value")[place]?.focus();
  history.replaceState(null, "", url);
}
buy?.addEventListener("change", ({ target }) => {
  if (target.name !== "sku") return;
  const url = new URL(gallery.dataset.product, location.href);
  url.searchParams.set("variant", target.value);
  // What is chosen in the form counts, whether or not the rest of the page follows.
  choose(url).catch(() => {});
});
buy?.addEventListener("click", (event) => {
  const link = event.target.closest(".option-value");
  if (!link || opensElsewhere(event)) return;
  event.preventDefault();
  choose(link.href.replace(/#.*/, "")).catch(({ name }) => {
    if (name !== "AbortError") location.assign(link.href);
  });
});

// A thumbnail shows its image, and the image itself is enlarged on top of the page.
gallery?.addEventListener("click", (event) => {
  const thumbnail = event.target.closest(".thumbnails a");
  const zoom = gallery.querySelector(".zoom");
  if (!zoom || opensElsewhere(event)) return;
  const shown = zoom.querySelector("img");
  if (thumbnail) {
    event.preventDefault();
    for (const other of gallery.querySelectorAll(".thumbnails a")) other.removeAttribute("aria-current");
    thumbnail.setAttribute("aria-current", "true");
    const small = thumbnail.querySelector("img");
    // Of a picture with several files, the browser chooses one by the size in which it is shown.
    shown.srcset = small.srcset;
    shown.src = small.src;
    shown.alt = small.alt;
    zoom.href = thumbnail.dataset.large;
  } else if (zoom.contains(event.target)) {
    event.preventDefault();
    enlarge(zoom.href, shown.alt);
  }
});

function enlarge(url, alt) {
  const dialog = document.createElement("dialog");
  const close = document.createElement("button");
  const image = document.createElement("img");
  dialog.className = "enlarged";
  dialog.ariaLabel = "Image";
  close.className = "button small";
  close.textContent = "Close";
  image.src = url;
  image.alt = alt;
  dialog.append(close, image);
  dialog.addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

/** With a modifier key, the browser opens a link in a new tab or window. */
function opensElsewhere(event) {
  return event.ctrlKey || event.metaKey || event.shiftKey || event.altKey;
}

// A chosen delivery method updates the total at once. Everything else on the page stays as it is, also what was entered to pay.
const review = document.querySelector("form[data-review]");
const update = review?.querySelector("[value=review]");
if (update) update.hidden = true;
let request;
async function updateTotal() {
  request?.abort();
  request = new AbortController();
  const { signal } = request;
  const place = review.querySelector("[value=place]");
  place.disabled = true;
  try {
    const body = new URLSearchParams(new FormData(review));
    body.set("action", "review");
    const response = await fetch(review.getAttribute("action"), { method: "POST", body, signal });
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    const part = (selector) => [review.querySelector(selector), page.querySelector(`form[data-review] ${selector}`)];
    for (const [shown, next] of [".totals", "[value=place]"].map(part)) shown.replaceChildren(...next.childNodes);
    for (const [shown, next] of ["[name=expected_total]", "[name=idempotency_key]"].map(part)) shown.value = next.value;
    const [fields, next] = part(".payment-fields");
    if (fields) fields.dataset.amount = next.dataset.amount;
    review.dispatchEvent(new Event("total"));
    place.disabled = false;
  } catch {
    // A newer choice has replaced this one, or another page was returned: show that.
    if (!signal.aborted) review.requestSubmit(update);
  }
}
review?.addEventListener("change", ({ target }) => {
  if (target.name === "shipping_method") updateTotal();
});

// Progressive enhancement. Every page works without it.

// Scrolls the current category of the horizontal list into view.
const current = document.querySelector(".departments [aria-current]");
const departments = current?.closest("ul");
if (departments) {
  departments.scrollLeft = current.offsetLeft - (departments.clientWidth - current.offsetWidth) / 2;
}

// Screen readers announce the errors of a form at once.
document.querySelector(".summary-of-errors")?.focus();

// Choosing a variant or a thumbnail shows its image and changes nothing else.
const shown = document.querySelector(".gallery > .picture img");
const thumbnails = document.querySelectorAll(".thumbnails a");
function show(chosen) {
  for (const thumbnail of thumbnails) thumbnail.removeAttribute("aria-current");
  chosen.setAttribute("aria-current", "true");
  const small = chosen.querySelector("img");
  // Of a picture with several files, the browser chooses one by the size in which it is shown.
  shown.srcset = small.srcset;
  shown.src = small.src;
  shown.alt = small.alt;
}
document.querySelector(".buy")?.addEventListener("change", ({ target }) => {
  const { picture } = (target.selectedOptions?.[0] ?? target).dataset;
  const chosen = picture && thumbnails[picture];
  if (shown && chosen) show(chosen);
});
for (const thumbnail of thumbnails) {
  thumbnail.addEventListener("click", (event) => {
    // With a modifier key, the browser opens the link in a new tab or window.
    if (!shown || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    show(thumbnail);
  });
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

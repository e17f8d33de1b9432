// Small comforts. Every page works without them.

// The current category may be out of sight in a list that scrolls sideways.
const current = document.querySelector(".departments [aria-current]");
const departments = current?.closest("ul");
if (departments) {
  departments.scrollLeft = current.offsetLeft - (departments.clientWidth - current.offsetWidth) / 2;
}

// What is wrong with a form is read out at once.
document.querySelector(".summary-of-errors")?.focus();

// Choosing a variant or a small picture shows its picture, and leaves everything else of the page as it is.
const shown = document.querySelector(".gallery > .picture img");
const thumbnails = document.querySelectorAll(".thumbnails a");
function show(chosen) {
  for (const thumbnail of thumbnails) thumbnail.removeAttribute("aria-current");
  chosen.setAttribute("aria-current", "true");
  const small = chosen.querySelector("img");
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
    // With a key held, the link opens elsewhere.
    if (!shown || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    show(thumbnail);
  });
}

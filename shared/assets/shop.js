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

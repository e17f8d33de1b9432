// Moves of an input are sent to the program that serves this page; what it answers replaces the figures. What was open stays open.
'use strict';
const form = document.getElementById('inputs'), content = document.getElementById('content'), said = document.getElementById('said');
/** What tells a part of the page from all others, in every answer. */
function path(node) {
  const keys = [];
  for (let each = node; each && each !== content; each = each.parentElement) if (each.dataset.key) keys.push(each.dataset.key);
  return keys.join(' < ');
}
/** Puts the parts of an answer in the places of the old ones. Parts that it does not have stay, and are said to be old. */
function show(html, whole) {
  const open = new Map([...content.querySelectorAll('details')].map(each => [path(each), each.open]));
  if (whole) content.innerHTML = html;
  else {
    const name = part => part.getAttribute('aria-labelledby') ?? part.className;
    const fresh = new Map([...new DOMParser().parseFromString(html, 'text/html').body.children].map(part => [name(part), part]));
    for (const part of [...content.children]) {
      const next = fresh.get(name(part));
      if (next) part.replaceWith(next);
      else part.setAttribute('aria-busy', 'true');
    }
  }
  for (const each of content.querySelectorAll('details')) each.open = open.get(path(each)) ?? each.open;
}
async function ask(what, values) {
  const response = await fetch('/api/' + what, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(values) });
  const answer = await response.json();
  said.classList.toggle('bad', !response.ok);
  if (!response.ok) { said.textContent = answer.detail; return false; }
  show(answer.html, what === 'report');
  document.title = answer.title;
  said.textContent = answer.said;
  return true;
}
let flying = false, again = false;
/** Bills at once, then the rest; a newer move makes the rest of an older one superfluous. */
async function compute() {
  again = true;
  if (flying) return;
  flying = true;
  while (again) {
    again = false;
    const values = Object.fromEntries([...new FormData(form)].filter(([, value]) => value !== ''));
    try {
      if (await ask('bills', values)) {
        history.replaceState(null, '', '?' + new URLSearchParams(values));
        if (!again) await ask('report', values);
      }
    } catch {
      said.classList.add('bad');
      said.textContent = 'The program that computes does not answer.';
    }
  }
  flying = false;
}
form.addEventListener('input', event => {
  const twin = event.target.dataset.twin && form.elements[event.target.dataset.twin];
  if (twin) twin.value = event.target.type === 'range' ? Number((10 ** event.target.value).toPrecision(3)) : Math.log10(event.target.value || 1);
  if (event.target.checkValidity()) compute();
});
form.addEventListener('submit', event => { event.preventDefault(); compute(); });

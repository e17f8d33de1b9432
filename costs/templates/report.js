// A changed input is sent to the program that serves this page; its response replaces the results. Open sections stay open.
'use strict';
const form = document.getElementById('inputs'), content = document.getElementById('content'), said = document.getElementById('said');
const busy = document.getElementById('busy');
if (!matchMedia('(min-width: 64rem)').matches) document.getElementById('box').open = false;
/** Shows that results are being computed: a moving bar, a sentence for screen readers, pale results. */
function work(text) {
  busy.hidden = !text;
  content.setAttribute('aria-busy', String(Boolean(text)));
  if (text) said.textContent = text;
}
/** Identifies a part of the page in every response. */
function path(node) {
  const keys = [];
  for (let each = node; each && each !== content; each = each.parentElement) if (each.dataset.key) keys.push(each.dataset.key);
  return keys.join(' < ');
}
/** Replaces the parts that a response has; the others stay, marked as busy. */
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
async function request(what, values) {
  const response = await fetch('/api/' + what, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(values) });
  const answer = await response.json();
  said.classList.toggle('bad', !response.ok);
  if (!response.ok) { said.textContent = answer.detail; return false; }
  show(answer.html, what === 'report');
  document.title = answer.title;
  if (what === 'bills') content.removeAttribute('aria-busy');
  said.textContent = answer.said;
  return true;
}
let flying = false, again = false;
/** Bills first, then the rest; a newer change makes the rest of an older one unnecessary. */
async function compute() {
  again = true;
  if (flying) return;
  flying = true;
  work('Computing the bills…');
  while (again) {
    again = false;
    const values = Object.fromEntries([...new FormData(form)].filter(([, value]) => value !== ''));
    try {
      if (await request('bills', values)) {
        history.replaceState(null, '', '?' + new URLSearchParams(values));
        if (!again) await request('report', values);
      }
    } catch {
      said.classList.add('bad');
      said.textContent = 'The server does not respond. Is costs serve still running?';
    }
  }
  flying = false;
  work('');
}
form.addEventListener('input', event => {
  const twin = event.target.dataset.twin && form.elements[event.target.dataset.twin];
  if (twin) twin.value = event.target.type === 'range' ? Number((10 ** event.target.value).toPrecision(3)) : Math.log10(event.target.value || 1);
  if (event.target.checkValidity()) compute();
});
form.addEventListener('submit', event => { event.preventDefault(); compute(); });

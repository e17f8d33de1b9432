// Moves of an input are sent to the program that serves this page; what it answers replaces the figures. What was open stays open.
'use strict';
const form = document.getElementById('inputs'), content = document.getElementById('content'), said = document.getElementById('said');
/** What tells a part of the page from all others, in every answer. */
function path(node) {
  const keys = [];
  for (let each = node; each && each !== content; each = each.parentElement) if (each.dataset.key) keys.push(each.dataset.key);
  return keys.join(' < ');
}
let flying = false, again = false;
async function compute() {
  if (flying) { again = true; return; }
  flying = true;
  do {
    again = false;
    const values = Object.fromEntries([...new FormData(form)].filter(([, value]) => value !== ''));
    try {
      const response = await fetch('/api/report', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(values) });
      const answer = await response.json();
      said.classList.toggle('bad', !response.ok);
      if (response.ok) {
        const open = new Map([...content.querySelectorAll('details')].map(each => [path(each), each.open]));
        content.innerHTML = answer.html;
        for (const each of content.querySelectorAll('details')) each.open = open.get(path(each)) ?? each.open;
        document.title = answer.title;
        said.textContent = answer.said;
        history.replaceState(null, '', '?' + new URLSearchParams(values));
      } else said.textContent = answer.detail;
    } catch {
      said.classList.add('bad');
      said.textContent = 'The program that computes does not answer.';
    }
  } while (again);
  flying = false;
}
form.addEventListener('input', event => {
  const twin = event.target.dataset.twin && form.elements[event.target.dataset.twin];
  if (twin) twin.value = event.target.type === 'range' ? Number((10 ** event.target.value).toPrecision(3)) : Math.log10(event.target.value || 1);
  if (event.target.checkValidity()) compute();
});
form.addEventListener('submit', event => { event.preventDefault(); compute(); });

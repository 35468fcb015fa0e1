"use strict";
// The page reads without this: it filters the table and opens a cell.
const data = JSON.parse(document.getElementById("data").textContent);
const form = document.getElementById("filter");
const rows = [...document.querySelectorAll("tbody tr[data-text]")];
const heads = [...document.querySelectorAll("thead th[data-col]")];
const dialog = document.getElementById("why");

function filter() {
  const tool = form.elements.tool.value.trim().toLowerCase();
  const subject = form.elements.subject.value.trim().toLowerCase();
  const wanted = [...form.querySelectorAll("[name=is]:checked")].map((box) => box.value);
  const fits = (cell) => wanted.length === 0 || wanted.some((letter) => cell.dataset.is.includes(letter));
  const columns = new Set(heads.filter((head) => head.dataset.text.includes(subject)).map((head) => head.dataset.col));
  // a column stays if its subject matches and it has a cell that is wanted in a row that stays
  const named = rows.filter((row) => row.dataset.text.includes(tool));
  const cells = (row) => [...row.querySelectorAll("td[data-col]")].filter((cell) => columns.has(cell.dataset.col));
  const kept = new Set(named.filter((row) => cells(row).some(fits)));
  const used = new Set([...kept].flatMap(cells).filter(fits).map((cell) => cell.dataset.col));
  const servers = new Set();
  for (const row of rows) {
    row.hidden = !kept.has(row);
    if (!row.hidden) servers.add(row.dataset.server);
    for (const cell of row.querySelectorAll("td[data-col]")) {
      cell.hidden = !used.has(cell.dataset.col);
      cell.classList.toggle("off", !fits(cell));
    }
  }
  for (const head of heads) head.hidden = !used.has(head.dataset.col);
  for (const row of document.querySelectorAll("tr.server")) row.hidden = !servers.has(row.dataset.server);
  document.getElementById("none").hidden = kept.size > 0;
}

function element(name, text, parent) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  parent.append(made);
  return made;
}

function open(cell) {
  const row = cell.closest("tr");
  const column = Number(cell.dataset.col);
  const detail = data[column - 1][rows.indexOf(row)];
  const head = heads.find((head) => head.dataset.col === cell.dataset.col);
  document.getElementById("why-title").textContent = row.dataset.server + "/" + row.querySelector("th span").textContent;
  const body = document.getElementById("why-body");
  body.replaceChildren();
  element("p", head.title, body);
  for (const answer of detail.answers) {
    const part = element("section", undefined, body);
    element("strong", answer.letter + "  " + answer.outcome, part);
    element("span", ": " + answer.meaning + " (" + answer.reason + ")", part);
    if (answer.policies.length > 0) element("p", "Policies: " + answer.policies.join(", "), part);
    if (answer.next !== "-") element("p", "Next: " + answer.next, part);
    element("p", "For example with", part);
    element("pre", JSON.stringify(answer.arguments, null, 1), part);
  }
  if (detail.unsure) {
    element("p", "Other arguments than those that were tried could reach better: " + detail.visibility + ".", body);
  }
  dialog.showModal();
}

form.hidden = false;
form.addEventListener("input", filter);
form.addEventListener("submit", (event) => event.preventDefault());
document.querySelector("table").addEventListener("click", (event) => {
  const cell = event.target.closest("td[data-col]");
  if (cell && event.target.closest("button")) open(cell);
});
dialog.addEventListener("click", (event) => {
  if (event.target === dialog) dialog.close();
});

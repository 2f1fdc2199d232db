// Sorting, filtering and the theme. What is sorted and filtered is kept in the address, so a view
// can be shared: #sort=score&dir=desc&q=ppo&kind=learned,search&family=co-design. The table that is
// sorted is the page's first, or is named: #sort=scores:six-app-mid&dir=desc.
"use strict";

(() => {
  const THEMES = ["auto", "light", "dark"];

  function storedTheme() {
    try {
      return localStorage.getItem("chipgym-theme") || "auto";
    } catch {
      return "auto"; // Storage may be forbidden, as for pages opened from a file.
    }
  }

  function applyTheme(theme) {
    if (theme === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
  }

  applyTheme(storedTheme());

  function setUpTheme() {
    const button = document.getElementById("theme");
    let theme = storedTheme();
    const show = () => {
      button.textContent = `Theme: ${theme}`;
      button.setAttribute("aria-label", `Theme: ${theme}. Change it.`);
    };
    button.addEventListener("click", () => {
      theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
      applyTheme(theme);
      try {
        localStorage.setItem("chipgym-theme", theme);
      } catch {
        // The choice holds for this page only.
      }
      show();
    });
    show();
    button.hidden = false;
  }

  const readState = () => new URLSearchParams(location.hash.slice(1));

  function writeState(changes) {
    const state = readState();
    for (const [key, value] of Object.entries(changes)) {
      if (value === null || value === "") state.delete(key);
      else state.set(key, value);
    }
    for (const [key, value] of [...state]) if (value === "") state.delete(key); // A place's name.
    const text = state.toString();
    history.replaceState(null, "", text ? `#${text}` : location.pathname + location.search);
  }

  function compare(a, b, numeric) {
    const left = a.dataset.v ?? a.textContent.trim();
    const right = b.dataset.v ?? b.textContent.trim();
    if (numeric) {
      const [x, y] = [Number.parseFloat(left), Number.parseFloat(right)];
      if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) - Number.isNaN(y);
      return x - y;
    }
    return left.localeCompare(right, "en", { numeric: true });
  }

  // Headings of columns, in order; those that span several columns have no key.
  const columnHeads = (table) => [...table.querySelectorAll("thead th[data-key]")];

  function sortTable(table, key, descending) {
    const heads = columnHeads(table);
    const column = heads.findIndex((head) => head.dataset.key === key);
    if (column < 0) return false;
    const body = table.tBodies[0];
    const values = [...body.rows].map((row) => row.cells[column].dataset.v ?? "");
    const numeric = values.some(Boolean)
      && values.every((value) => value === "" || !Number.isNaN(Number(value)));
    const missing = (cell) => numeric && Number.isNaN(Number.parseFloat(cell.dataset.v));
    const rows = [...body.rows].sort((a, b) => {
      const [left, right] = [a.cells[column], b.cells[column]];
      if (missing(left) !== missing(right)) return missing(left) - missing(right);
      const order = compare(left, right, numeric);
      return descending ? -order : order;
    });
    body.append(...rows);
    for (const head of heads) head.removeAttribute("aria-sort");
    heads[column].setAttribute("aria-sort", descending ? "descending" : "ascending");
    return true;
  }

  function setUpTable(table, first) {
    for (const head of columnHeads(table)) {
      head.querySelector("button").addEventListener("click", () => {
        const now = head.getAttribute("aria-sort");
        const descending = now ? now === "ascending" : head.dataset.first === "desc";
        const { key } = head.dataset;
        sortTable(table, key, descending);
        writeState({ sort: first ? key : `${table.id}:${key}`, dir: descending ? "desc" : "asc" });
      });
    }
  }

  function sortFromState(tables) {
    const state = readState();
    const [, name, key] = /^(?:([^:]*):)?(.*)$/.exec(state.get("sort") ?? "");
    const table = name === undefined ? tables[0] : document.getElementById(name);
    if (key && tables.includes(table)) sortTable(table, key, state.get("dir") === "desc");
  }

  // What a row must have to be shown. Rows without a kind, words or families are not filtered by
  // them.
  function rowFits(row, { words, kinds, family }) {
    const { tag, fs } = row.dataset;
    if (family !== "" && fs !== undefined && !fs.split(" ").includes(family)) return false;
    if (tag === undefined) return true;
    const [kind, text] = tag.split(/\|(.*)/s);
    return words.every((word) => text.includes(word)) && (kind === "" || kinds.includes(kind));
  }

  function setUpFilter(form) {
    const boxes = [...form.querySelectorAll('input[name="kind"]')];
    const search = form.elements.namedItem("q");
    const family = form.elements.namedItem("family");
    const output = form.querySelector("output");

    function count() {
      const rows = [...document.querySelectorAll("tr[data-tag]")];
      const names = (some) => new Set(some.map((row) => row.dataset.method ?? row)).size;
      const [shown, all] = [names(rows.filter((row) => !row.hidden)), names(rows)];
      output.textContent = shown === all ? `${all} shown` : `${shown} of ${all} shown`;
    }

    function apply() {
      const chosen = family?.selectedOptions[0]?.dataset.f ?? "";
      const wanted = {
        words: search.value.toLowerCase().split(/\s+/).filter(Boolean),
        kinds: boxes.filter((box) => box.checked).map((box) => box.value),
        family: chosen,
      };
      for (const row of document.querySelectorAll("tr[data-tag], tr[data-fs]")) {
        row.hidden = !rowFits(row, wanted);
      }
      for (const cell of document.querySelectorAll("[data-f]:not(option)")) {
        cell.hidden = chosen !== "" && cell.dataset.f !== chosen;
      }
      count();
    }

    function fromState() {
      const state = readState();
      search.value = state.get("q") ?? "";
      const kinds = state.get("kind")?.split(",");
      for (const box of boxes) box.checked = kinds === undefined || kinds.includes(box.value);
      if (family) {
        family.value = state.get("family") ?? "";
        if (family.selectedIndex < 0) family.value = "";
      }
      apply();
    }

    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("input", () => {
      const chosen = boxes.filter((box) => box.checked).map((box) => box.value);
      const kind = chosen.length === boxes.length ? null : chosen.join(",") || "none";
      writeState({ q: search.value.trim(), kind, family: family?.value ?? null });
      apply();
    });
    form.hidden = false;
    fromState();
    return fromState;
  }

  document.addEventListener("DOMContentLoaded", () => {
    setUpTheme();
    const tables = [...document.querySelectorAll("table[data-sortable]")];
    tables.forEach((table, index) => setUpTable(table, index === 0));
    const form = document.querySelector("form.tools");
    const filterFromState = form ? setUpFilter(form) : () => {};
    sortFromState(tables);
    window.addEventListener("hashchange", () => {
      filterFromState();
      sortFromState(tables);
    });
  });
})();

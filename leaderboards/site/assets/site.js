// Sorting, filtering and the theme. State of the page's first sortable table is kept in the
// address (#sort=score&dir=desc&q=ppo&kind=learned,search), so a view can be shared.
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

  function sortTable(table, key, descending) {
    const heads = [...table.tHead.rows[0].cells];
    const column = heads.findIndex((head) => head.dataset.key === key);
    if (column < 0) return false;
    const body = table.tBodies[0];
    const numeric = [...body.rows].every((row) => {
      const value = row.cells[column].dataset.v;
      return value === undefined || value === "" || !Number.isNaN(Number(value));
    });
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

  function setUpTable(table, main) {
    for (const button of table.tHead.querySelectorAll("button")) {
      const head = button.closest("th");
      button.addEventListener("click", () => {
        const now = head.getAttribute("aria-sort");
        const descending = now ? now === "ascending" : head.dataset.key === "score";
        sortTable(table, head.dataset.key, descending);
        if (main) writeState({ sort: head.dataset.key, dir: descending ? "desc" : "asc" });
      });
    }
  }

  function setUpFilter(form) {
    const boxes = [...form.querySelectorAll('input[name="kind"]')];
    const search = form.elements.namedItem("q");
    const output = form.querySelector("output");

    function apply() {
      const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
      const kinds = boxes.filter((box) => box.checked).map((box) => box.value);
      let shown = 0;
      let all = 0;
      for (const row of document.querySelectorAll("tr[data-tag]")) {
        const [kind, text] = row.dataset.tag.split(/\|(.*)/s);
        const fits = words.every((word) => text.includes(word));
        row.hidden = !(fits && (boxes.length === 0 || kinds.includes(kind)));
        all += 1;
        shown += row.hidden ? 0 : 1;
      }
      output.textContent = shown === all ? `${all} rows` : `${shown} of ${all} rows`;
    }

    function fromState() {
      const state = readState();
      search.value = state.get("q") ?? "";
      const kinds = state.get("kind")?.split(",");
      for (const box of boxes) box.checked = kinds === undefined || kinds.includes(box.value);
      apply();
    }

    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("input", () => {
      const chosen = boxes.filter((box) => box.checked).map((box) => box.value);
      const kind = chosen.length === boxes.length ? null : chosen.join(",") || "none";
      writeState({ q: search.value.trim(), kind });
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
    const sortFromState = () => {
      const state = readState();
      if (tables[0] && state.get("sort")) {
        sortTable(tables[0], state.get("sort"), state.get("dir") === "desc");
      }
    };
    sortFromState();
    window.addEventListener("hashchange", () => {
      filterFromState();
      sortFromState();
    });
  });
})();

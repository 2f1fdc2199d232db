// Runs in a page that shows the site's pages in a frame, one after the other, and notes what there is
// to see of each. The page defines `frame`, `pages`, `phone`, `desk` and `write`.
const found = {};
const luminance = (rgb) => rgb.slice(0, 3)
  .map((x) => (x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4))
  .reduce((sum, x, i) => sum + x * [0.2126, 0.7152, 0.0722][i], 0);
// "rgb(1, 2, 3)", "rgba(...)" in 255ths, or "color(srgb 0.1 0.2 0.3 / 0.4)".
const parse = (text) => {
  const values = text.replace("srgb", "").match(/[\d.]+/g).map(Number);
  const scale = text.startsWith("color") ? 1 : 255;
  return [...values.slice(0, 3).map((x) => x / scale), values[3] ?? 1];
};
function ground(view, element) {
  for (let at = element; at; at = at.parentElement) {
    const colour = parse(view.getComputedStyle(at).backgroundColor);
    if (colour[3] === 1) return colour;
  }
  return [1, 1, 1, 1];
}
function worst(view, page) {
  let least = [99, ""];
  for (const element of page.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!own || element.getClientRects().length === 0) continue;
    if (["title", "OPTION"].includes(element.tagName)) continue;
    const style = view.getComputedStyle(element);
    const ink = parse(element instanceof view.SVGElement ? style.fill : style.color);
    const [a, b] = [luminance(ink), luminance(ground(view, element))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < least[0]) least = [ratio, element.textContent.slice(0, 40)];
  }
  return least;
}
frame.addEventListener("load", () => {
  const page = frame.contentDocument;
  const view = frame.contentWindow;
  const root = page.documentElement;
  const ids = [...page.querySelectorAll("[id]")].map((element) => element.id);
  const seen = {
    headings: page.querySelectorAll("h1").length,
    theme: page.getElementById("theme").textContent,
    landmarks: ["header", "nav", "main", "footer"].filter((name) => page.querySelector(name)),
    skips_to: page.querySelector(".skip").getAttribute("href").slice(1),
    repeated_ids: ids.filter((id, index) => ids.indexOf(id) !== index),
    loaded: view.performance.getEntriesByType("resource").map((entry) => entry.name),
    contrast: {},
  };
  for (const details of page.querySelectorAll("details")) details.open = true;
  for (const theme of ["light", "dark"]) {
    root.dataset.theme = theme;
    seen.contrast[theme] = worst(view, page);
  }
  frame.width = phone;
  seen.too_wide = root.scrollWidth > root.clientWidth;
  frame.width = desk;
  found[pages.shift()] = seen;
  if (pages.length) frame.src = pages[0]; else write(found);
});

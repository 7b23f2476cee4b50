// Tables that sort by a click or a key on a column's head.

// Numbers by size, the rest as text; what is empty stays at the end.
function compare(a, b) {
  if (a === b) return 0;
  if (a === "" || b === "") return a === "" ? Infinity : -Infinity;
  const [x, y] = [Number(a), Number(b)];
  if (!Number.isNaN(x) && !Number.isNaN(y)) return x - y;
  return a.localeCompare(b, undefined, { numeric: true });
}

function value(row, column) {
  const cell = row.cells[column];
  return cell.dataset.value ?? cell.textContent.trim();
}

export function makeSortable(table) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = head.querySelector("button");
    button?.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const body = table.tBodies[0];
      const sorted = [...body.rows].sort((one, other) => {
        const order = compare(value(one, column), value(other, column));
        return down && Number.isFinite(order) ? -order : order;
      });
      body.append(...sorted);
    });
  });
}

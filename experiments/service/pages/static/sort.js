// Tables that sort by a click or a key on a column's head.

const sorted = new Map(); // by the table's id: column and direction, for when it is shown anew

// Numbers by size, the rest as text.
function compare(a, b) {
  const [x, y] = [Number(a), Number(b)];
  if (!Number.isNaN(x) && !Number.isNaN(y)) return x - y;
  return a.localeCompare(b, undefined, { numeric: true });
}

function value(row, column) {
  const cell = row.cells[column];
  return cell.dataset.value ?? cell.textContent.trim();
}

function sort(table, column, direction) {
  const heads = [...table.tHead.rows[0].cells];
  for (const head of heads) head.removeAttribute("aria-sort");
  heads[column].setAttribute("aria-sort", direction > 0 ? "ascending" : "descending");
  const rows = [...table.tBodies[0].rows];
  const filled = rows.filter((row) => value(row, column) !== "");
  const empty = rows.filter((row) => value(row, column) === "");
  filled.sort((one, other) => direction * compare(value(one, column), value(other, column)));
  table.tBodies[0].append(...filled, ...empty); // what is empty stays at the end
}

export function makeSortable(table) {
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    head.querySelector("button")?.addEventListener("click", () => {
      const direction = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
      sorted.set(table.id, [column, direction]);
      sort(table, column, direction);
    });
  });
  if (sorted.has(table.id)) sort(table, ...sorted.get(table.id));
}

/**
 * A ring as text: a circle with marked points at their true angles, chords between them, labels outside. Pure; knows
 * neither a terminal nor what the points mean. Used by the live status and by the simulator.
 *
 * Drawn with braille patterns (Unicode U+2800: 2 x 4 dots a character, so that dots are square where characters are
 * twice as high as wide), or with full stops where only ASCII may be printed.
 */
import { printable } from './format.js';

export interface RingPoint {
  /** Turns clockwise from the top: 0 ... 1. */
  readonly angle: number;
  /** One character. Of points that share a cell the first is seen. */
  readonly mark: string;
  /** Stands outside the circle, near the mark; shortened, or left out where there is no room. The first have priority. */
  readonly label?: string;
}

export interface RingDrawing {
  /** Characters; no line is longer, and there are no more lines. */
  readonly size: { readonly columns: number; readonly rows: number };
  readonly points: readonly RingPoint[];
  /** Straight lines between two points, by their indexes. */
  readonly chords?: readonly (readonly [number, number])[];
  /** Full stops instead of braille. Marks and labels are as given. */
  readonly ascii?: boolean;
  /** Told where the mark of a point stands, by its index in `points`, if it is seen. */
  readonly marked?: (point: number, row: number, column: number) => void;
}

/** Smaller circles say nothing: radius in rows. */
const minRadius = 3;
/** Shorter labels say nothing; where a side has no room for these, it has none for labels. */
const minLabel = 4;
/** Labels of points close together are moved up or down by at most so many rows. */
const maxShift = 4;
/** Blanks between circle and label. */
const gap = 2;

/** Lines without trailing blanks; none when the size has no room for a circle. */
export function drawRing({ size, points, chords = [], ascii = false, marked: tell }: RingDrawing): string[] {
  const { columns, rows } = size;
  const longest = points.reduce((most, { label }) => Math.max(most, label?.length ?? 0), 0);
  const margin = longest === 0 ? 0 : gap + Math.min(longest, Math.floor(columns / 4));
  const above = points.some((point) => isTop(point) && point.label !== undefined) ? 1 : 0;
  // In rows; a row is as high as two columns are wide. Halves, so that the ends of both axes meet the middle of a cell.
  const radius = Math.min(rows - above - 1, Math.floor((columns - 1) / 2) - margin) / 2;
  if (!(radius >= minRadius)) return [];
  const canvas = new Canvas(columns, above + 2 * radius + 1);
  const centre = { x: Math.floor(columns / 2) + 0.5, y: above + radius + 0.5 };
  const at = (angle: number): Place => ({
    x: centre.x + 2 * radius * Math.sin(2 * Math.PI * angle),
    y: centre.y - radius * Math.cos(2 * Math.PI * angle),
  });
  const steps = Math.ceil(32 * radius);
  for (let i = 0; i < steps; i++) canvas.dot(at(i / steps));
  for (const [i, j] of chords) {
    const [from, to] = [points[i], points[j]];
    if (from && to) canvas.line(at(from.angle), at(to.angle));
  }
  const cells = canvas.cells(ascii);
  const marked = new Set<number>();
  for (const [i, { angle, mark }] of points.entries()) {
    const { row, column } = cellOf(at(angle));
    const key = row * columns + column;
    const line = cells[row];
    if (marked.has(key) || line?.[column] === undefined) continue;
    marked.add(key);
    line[column] = [...printable(mark)][0] ?? ' ';
    tell?.(i, row, column);
  }
  const edge = (row: number): number => {
    const away = Math.max(0, Math.abs(row + 0.5 - centre.y) - 0.5);
    return away >= radius ? 0 : 2 * Math.sqrt(radius * radius - away * away);
  };
  const labels = new Labels(cells, centre.x, edge, ascii ? '~' : '…');
  for (const point of points) {
    if (point.label === undefined || point.label === '') continue;
    const label = printable(point.label);
    if (isTop(point) && labels.above(label)) continue;
    labels.beside(label, cellOf(at(point.angle)).row, turn(point.angle) <= 0.5);
  }
  return cells.map((line) => line.join('').trimEnd());
}

interface Place {
  readonly x: number;
  readonly y: number;
}

/** Brings an angle into 0 ... 1. */
function turn(angle: number): number {
  return angle - Math.floor(angle);
}

function isTop({ angle }: RingPoint): boolean {
  return turn(angle) === 0;
}

function cellOf({ x, y }: Place): { row: number; column: number } {
  return { row: Math.floor(y), column: Math.floor(x) };
}

/** Dots, 2 x 4 in each cell; places are in cells. */
class Canvas {
  readonly #columns: number;
  readonly #rows: number;
  readonly #patterns: Uint8Array;

  constructor(columns: number, rows: number) {
    this.#columns = columns;
    this.#rows = rows;
    this.#patterns = new Uint8Array(columns * rows);
  }

  dot({ x, y }: Place): void {
    const [column, row] = [Math.floor(x), Math.floor(y)];
    if (column < 0 || column >= this.#columns || row < 0 || row >= this.#rows) return;
    const [right, down] = [Math.floor((x - column) * 2), Math.floor((y - row) * 4)];
    // Unicode: dots 1-3 and 7 are the left column from the top, 4-6 and 8 the right one.
    const bit = down === 3 ? 6 + right : down + 3 * right;
    const at = row * this.#columns + column;
    this.#patterns[at] = (this.#patterns[at] as number) | (1 << bit);
  }

  line(from: Place, to: Place): void {
    const steps = Math.max(1, Math.ceil(Math.max(2 * Math.abs(to.x - from.x), 4 * Math.abs(to.y - from.y))));
    for (let i = 0; i <= steps; i++) {
      this.dot({
        x: from.x + ((to.x - from.x) * i) / steps,
        y: from.y + ((to.y - from.y) * i) / steps,
      });
    }
  }

  cells(ascii: boolean): string[][] {
    const character = (pattern: number): string =>
      pattern === 0 ? ' ' : ascii ? '.' : String.fromCharCode(0x2800 + pattern);
    return Array.from({ length: this.#rows }, (_, row) =>
      Array.from(this.#patterns.subarray(row * this.#columns, (row + 1) * this.#columns), (pattern) =>
        character(pattern),
      ),
    );
  }
}

/** Puts labels where nothing else stands. */
class Labels {
  readonly #cells: string[][];
  readonly #centre: number;
  /** Columns from the centre to the circle, by row. */
  readonly #edge: (row: number) => number;
  readonly #ellipsis: string;
  /** Rows with a label on the left and on the right. */
  readonly #taken = { left: new Set<number>(), right: new Set<number>() };
  #aboveTaken = false;

  constructor(cells: string[][], centre: number, edge: (row: number) => number, ellipsis: string) {
    this.#cells = cells;
    this.#centre = centre;
    this.#edge = edge;
    this.#ellipsis = ellipsis;
  }

  /** Centred in the line above the circle. False when another label stands there. */
  above(label: string): boolean {
    if (this.#aboveTaken) return false;
    this.#aboveTaken = true;
    const columns = this.#cells[0]?.length ?? 0;
    const text = this.#fit(label, columns);
    this.#write(
      0,
      Math.min(Math.max(0, Math.round(this.#centre - text.length / 2)), columns - text.length),
      text,
    );
    this.#taken.left.add(0);
    this.#taken.right.add(0);
    return true;
  }

  beside(label: string, row: number, right: boolean): void {
    const taken = right ? this.#taken.right : this.#taken.left;
    for (let i = 0; i <= 2 * maxShift; i++) {
      // 0, +1, -1, +2, -2 …
      const shifted = row + (i % 2 === 1 ? (i + 1) / 2 : -i / 2);
      const line = this.#cells[shifted];
      if (!line || taken.has(shifted)) continue;
      const edge = this.#edge(shifted);
      const start = Math.ceil(this.#centre + edge) + gap;
      const end = Math.floor(this.#centre - edge) - gap;
      const room = right ? line.length - start : end;
      if (room < Math.min(minLabel, label.length)) continue;
      const text = this.#fit(label, room);
      this.#write(shifted, right ? start : end - text.length, text);
      taken.add(shifted);
      return;
    }
  }

  #fit(label: string, room: number): string {
    return label.length <= room ? label : `${label.slice(0, Math.max(0, room - 1))}${this.#ellipsis}`;
  }

  #write(row: number, column: number, text: string): void {
    const line = this.#cells[row];
    if (line) for (let i = 0; i < text.length; i++) line[column + i] = text[i] ?? ' ';
  }
}

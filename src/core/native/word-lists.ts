/** Lists of texts as execve(2) takes them: an array of pointers to them, ended by an empty one. */
import { Arena } from './arena.js';

export class WordLists {
  /** Where they lie. */
  readonly arena: Arena;
  /** Of each list, valid as long as the arena is. */
  readonly addresses: readonly number[];
  /** Of the first text of the first list. */
  readonly first: number;

  constructor(lists: readonly (readonly string[])[]) {
    const bytes = lists.flat().reduce((sum, text) => sum + Buffer.byteLength(text) + 1, 0);
    const pointers = lists.reduce((sum, texts) => sum + 8 * (texts.length + 1), 0);
    const arena = new Arena(bytes + pointers + 64);
    const tables = lists.map((texts) => arena.alloc(8 * (texts.length + 1), 8));
    const places = lists.map((texts) =>
      texts.map((text) => {
        const at = arena.alloc(Buffer.byteLength(text) + 1, 1);
        arena.setText(at, text);
        return arena.base + at;
      }),
    );
    places.forEach((list, i) => {
      list.forEach((place, j) => {
        arena.setPointer((tables[i] ?? 0) + 8 * j, place);
      });
    });
    this.arena = arena;
    this.addresses = tables.map((at) => arena.base + at);
    this.first = places[0]?.[0] ?? 0;
  }
}

/** An environment as such a list. */
export function assignments(env: NodeJS.ProcessEnv): readonly string[] {
  return Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`]));
}

/** Members as a table: searched, sorted, walked with the arrow keys. Only the rows in sight exist. */
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { WebMember } from '../model.js';
import { ago, bits, moment, round } from './format.js';
import type { Rates } from './traffic.js';

const rowHeight = 34;
/** Rows beyond the edges, so that scrolling shows no gap. */
const spare = 12;

interface Column {
  readonly key: string;
  readonly title: string;
  readonly value: (member: WebMember, rates: Rates) => string | number;
  readonly text: (member: WebMember, rates: Rates) => string;
}

/** web-2 before web-10. */
const words = new Intl.Collator('en', { numeric: true });
const ipNumber = (ip: string): number => ip.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
const rateOf = ({ id }: WebMember, rates: Rates): number => rates.members.get(id) ?? 0;
const wayOf = ({ path, state, seenAt }: WebMember): string =>
  path ?? (state === 'offline' && seenAt !== null ? `offline, seen ${ago(seenAt)}` : state);

const common: readonly Column[] = [
  { key: 'name', title: 'Name', value: (m) => m.name.toLowerCase(), text: (m) => m.name },
  { key: 'ip', title: 'Address', value: (m) => ipNumber(m.ip), text: (m) => m.ip },
  { key: 'way', title: 'Way', value: wayOf, text: wayOf },
];
const traffic: Column = {
  key: 'rate',
  title: 'Traffic',
  value: (m, rates) => -rateOf(m, rates),
  text: (m, rates) => (rateOf(m, rates) > 0 ? bits(rateOf(m, rates)) : ''),
};
const memberColumns: readonly Column[] = [
  ...common,
  { key: 'rtt', title: 'Round trip', value: (m) => m.rttMs ?? Infinity, text: (m) => round(m.rttMs) },
  traffic,
  { key: 'link', title: 'Link', value: (m) => m.link ?? '~', text: (m) => m.link ?? '' },
];
/** What a relay knows. */
const relayColumns: readonly Column[] = [
  ...common,
  { key: 'from', title: 'Comes from', value: (m) => m.endpoint, text: (m) => m.endpoint },
  traffic,
  {
    key: 'since',
    title: 'Since',
    value: (m) => m.here?.since ?? Infinity,
    text: ({ here }) => (here?.since ? moment(here.since) : ''),
  },
];

interface Props {
  readonly members: readonly WebMember[];
  /** They are seen by a relay. */
  readonly byRelay: boolean;
  readonly rates: Rates;
  readonly chosen: string | null;
  readonly choose: (id: string) => void;
}

/** Members that a person means by what was typed: parts of name, address, id, way. */
export function matching(members: readonly WebMember[], query: string): readonly WebMember[] {
  const parts = query
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '');
  if (parts.length === 0) return members;
  return members.filter((member) => {
    const text = `${member.name} ${member.ip} ${member.id} ${wayOf(member)} ${member.endpoint}`.toLowerCase();
    return parts.every((part) => text.includes(part));
  });
}

export function Members({ members, byRelay, rates, chosen, choose }: Props) {
  const columns = byRelay ? relayColumns : memberColumns;
  const [query, setQuery] = useState('');
  const [sort, setSort] = useState({ key: 'name', down: false });
  const [top, setTop] = useState(0);
  const scroller = useRef<HTMLDivElement>(null);
  const search = useRef<HTMLInputElement>(null);
  const sorted = useRef<{
    readonly sort: object | undefined;
    readonly keys: readonly (string | number)[];
    readonly ids: readonly string[];
    readonly order: readonly number[];
  }>({ sort: undefined, keys: [], ids: [], order: [] });

  const rows = useMemo(() => {
    const column = columns.find(({ key }) => key === sort.key) ?? common[0];
    const found = matching(members, query);
    if (!column) return found;
    const keys = found.map((member) => column.value(member, rates));
    // Comparing names is what sorting costs: members of whom nothing changed that it goes by stay where they are.
    const { current: before } = sorted;
    const same =
      before.sort === sort &&
      before.keys.length === keys.length &&
      keys.every((key, i) => key === before.keys[i] && found[i]?.id === before.ids[i]);
    if (same) return before.order.map((i) => found[i] as WebMember);
    const order = found.map((_, i) => i);
    order.sort((i, j) => {
      const [x, y] = [keys[i] as string | number, keys[j] as string | number];
      const sense =
        typeof x === 'string' && typeof y === 'string' ? words.compare(x, y) : x < y ? -1 : x > y ? 1 : 0;
      return (sort.down ? -sense : sense) || ((found[i]?.id ?? '') < (found[j]?.id ?? '') ? -1 : 1);
    });
    sorted.current = { sort, keys, ids: found.map(({ id }) => id), order };
    return order.map((i) => found[i] as WebMember);
  }, [members, rates.members, query, sort, columns]);

  useEffect(() => {
    const slash = (event: KeyboardEvent): void => {
      if (event.key !== '/' || event.target instanceof HTMLInputElement) return;
      event.preventDefault();
      search.current?.focus();
    };
    document.addEventListener('keydown', slash);
    return () => {
      document.removeEventListener('keydown', slash);
    };
  }, []);

  const height = scroller.current?.clientHeight ?? 600;
  const first = Math.max(0, Math.floor(top / rowHeight) - spare);
  const last = Math.min(rows.length, Math.ceil((top + height) / rowHeight) + spare);

  const walk = (event: KeyboardEvent): void => {
    const steps: Record<string, number> = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10 };
    const step = steps[event.key];
    if (step === undefined || rows.length === 0) return;
    event.preventDefault();
    const at = rows.findIndex(({ id }) => id === chosen);
    const next = Math.max(0, Math.min(rows.length - 1, at < 0 ? 0 : at + step));
    choose((rows[next] as WebMember).id);
    const box = scroller.current;
    if (!box) return;
    const y = next * rowHeight;
    if (y < box.scrollTop) box.scrollTop = y;
    else if (y + 2 * rowHeight > box.scrollTop + box.clientHeight)
      box.scrollTop = y + 2 * rowHeight - box.clientHeight;
  };

  return (
    <section class="members" aria-label="Members">
      <div class="search">
        <input
          ref={search}
          type="search"
          value={query}
          placeholder="Search: name, address, way  ( / )"
          aria-label="Search members"
          onInput={(event) => {
            setQuery(event.currentTarget.value);
            if (scroller.current) scroller.current.scrollTop = 0;
          }}
        />
        <span class="count" aria-live="polite">
          {rows.length === members.length ? `${members.length}` : `${rows.length} of ${members.length}`}
        </span>
      </div>
      <div
        class="scroll"
        ref={scroller}
        role="group"
        tabIndex={0}
        aria-label="Members; arrow keys choose one"
        onScroll={(event) => setTop(event.currentTarget.scrollTop)}
        onKeyDown={walk}
      >
        <table aria-rowcount={rows.length + 1}>
          <thead>
            <tr>
              {columns.map(({ key, title }) => (
                <th
                  key={key}
                  class={key}
                  aria-sort={sort.key !== key ? 'none' : sort.down ? 'descending' : 'ascending'}
                >
                  <button
                    type="button"
                    onClick={() => setSort({ key, down: sort.key === key && !sort.down })}
                  >
                    {title}
                  </button>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {first > 0 && <tr class="gap" style={{ height: `${first * rowHeight}px` }} aria-hidden="true" />}
            {rows.slice(first, last).map((member, i) => (
              <tr
                key={member.id}
                aria-rowindex={first + i + 2}
                aria-current={member.id === chosen ? 'true' : undefined}
                class={member.path ?? 'off'}
                onClick={() => choose(member.id)}
              >
                {columns.map(({ key, text }) => (
                  <td key={key} class={key}>
                    {text(member, rates)}
                  </td>
                ))}
              </tr>
            ))}
            {last < rows.length && (
              <tr
                class="gap"
                style={{ height: `${(rows.length - last) * rowHeight}px` }}
                aria-hidden="true"
              />
            )}
          </tbody>
        </table>
      </div>
    </section>
  );
}

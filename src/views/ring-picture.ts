/** The ring around a node as a drawing: who it is linked with, and where on the ring everybody sits. Pure. */
import type { LinkRole, PeerReport, StatusReport } from '../core/control/schema.js';
import type { PathKind } from './colours.js';
import { drawRing, type RingPoint } from './ring.js';
import { ringName } from './text/status.js';

interface RingLink {
  readonly id: string;
  readonly name: string;
  readonly kind: LinkRole;
}

/** What a mark stands for; most important first. */
export const roles = ['self', 'neighbour', 'static', 'long', 'on-demand', 'other'] as const;
export type RingRole = (typeof roles)[number];
const kinds: Record<LinkRole, RingRole> = {
  successor: 'neighbour',
  predecessor: 'neighbour',
  static: 'static',
  long: 'long',
  'on-demand': 'on-demand',
};

export const marks: Record<RingRole, string> = {
  self: '●',
  neighbour: '○',
  static: '■',
  long: '◆',
  'on-demand': '◇',
  other: '·',
};
export const asciiMarks: Record<RingRole, string> = {
  self: '@',
  neighbour: 'o',
  static: '#',
  long: '+',
  'on-demand': '*',
  other: '-',
};
export const roleNames: Record<RingRole, string> = {
  self: 'this node',
  neighbour: 'near',
  static: 'static',
  long: 'long',
  'on-demand': 'demand',
  other: 'other',
};

/** Chords in a smaller circle hide each other: rows, of braille and of full stops. */
const rowsForChords = 10;
const asciiRowsForChords = 20;

/** Where on the ring an id sits, in turns from the lowest. 32 bits are finer than any drawing. */
function turnOf(id: string): number {
  return parseInt(id.slice(0, 8), 16) / 2 ** 32;
}

/** The links of the node, each once, most important first. */
export function ringLinks(
  { ring }: Pick<StatusReport, 'ring'>,
  peers: readonly PeerReport[],
): (RingLink & { role: RingRole })[] {
  const links = new Map<string, RingLink>();
  const add = (kind: LinkRole, ids: readonly string[]): void => {
    for (const id of ids) if (!links.has(id)) links.set(id, { id, name: ringName(ring, id), kind });
  };
  for (const { id, name, link } of peers) if (link !== null) links.set(id, { id, name, kind: link });
  add('successor', ring.successors);
  add('predecessor', ring.predecessor === null ? [] : [ring.predecessor]);
  add('long', ring.longLinks);
  add('on-demand', ring.onDemand);
  return [...links.values()]
    .map((link) => ({ ...link, role: kinds[link.kind] }))
    .sort((a, b) => roles.indexOf(a.role) - roles.indexOf(b.role));
}

/** How the member of a mark is reached; `self` is this node, `none` who is not reached. */
export type Reached = PathKind | 'self' | 'none';

/** A mark in the picture, and where it stands in its line. */
export interface PlacedMark {
  readonly column: number;
  readonly reached: Reached;
}

export interface RingPicture {
  /** None where there is no room, or nobody but this node. */
  readonly lines: readonly string[];
  /** The marks of each line, from left to right. */
  readonly placed: readonly (readonly PlacedMark[])[];
  /** What the marks mean, of those that there are. */
  readonly legend: readonly { readonly role: RingRole; readonly mark: string; readonly text: string }[];
}

/** This node is on top; clockwise is the direction of growing ids. */
export function ringPicture(
  status: Pick<StatusReport, 'ring' | 'node'>,
  peers: readonly PeerReport[],
  size: { readonly columns: number; readonly rows: number },
  ascii = false,
): RingPicture {
  const signs = ascii ? asciiMarks : marks;
  const self = turnOf(status.node.id);
  const angleOf = (id: string): number => turnOf(id) - self;
  const links = ringLinks(status, peers);
  const linked = new Set(links.map(({ id }) => id));
  const others = peers.filter(
    ({ id, state }) => !linked.has(id) && state !== 'unreachable' && state !== 'offline',
  );
  if (links.length + others.length === 0) return { lines: [], placed: [], legend: [] };
  const points: RingPoint[] = [
    { angle: 0, mark: signs.self, label: status.node.name },
    ...links.map(({ id, name, role }) => ({ angle: angleOf(id), mark: signs[role], label: name })),
    ...others.map(({ id }) => ({ angle: angleOf(id), mark: signs.other })),
  ];
  const paths = new Map(peers.map(({ id, path }): [string, Reached] => [id, path?.kind ?? 'none']));
  const reached: Reached[] = ['self', ...[...links, ...others].map(({ id }) => paths.get(id) ?? 'none')];
  const placed: PlacedMark[][] = [];
  const chords = links.map((_, i): [number, number] => [0, i + 1]);
  const roomy = size.rows >= (ascii ? asciiRowsForChords : rowsForChords);
  const lines = drawRing({
    size,
    points,
    chords: roomy ? chords : [],
    ascii,
    marked: (point, row, column) => {
      (placed[row] ??= []).push({ column, reached: reached[point] ?? 'none' });
    },
  });
  const present = new Set<RingRole>(['self', ...links.map(({ role }) => role)]);
  if (others.length > 0) present.add('other');
  const legend = roles
    .filter((role) => present.has(role))
    .map((role) => ({ role, mark: signs[role], text: roleNames[role] }));
  return {
    lines,
    placed: lines.map((_, row) => (placed[row] ?? []).sort((a, b) => a.column - b.column)),
    legend: lines.length === 0 ? [] : legend,
  };
}

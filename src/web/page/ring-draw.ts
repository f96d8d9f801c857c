/** Draws the ring: members at the places of their ids, links across it, coloured by how packets go. */
import type { Picture, WebMember, WebTold } from '../model.js';
import type { Rates } from './traffic.js';

/** What the ring shows. */
export interface Drawn {
  readonly picture: Picture;
  readonly rates: Rates;
  readonly chosen: string | null;
}

/** A place on the ring, as a fraction of a turn: the upper 52 bits of an id. */
export const turnOf = (id: string): number => parseInt(id.slice(0, 13), 16) / 2 ** 52;

/** Kind of a path, or of a state without one. */
const kindOf = (member: WebMember): string =>
  member.path ?? (member.state === 'connected' ? 'direct' : 'off');
const kinds = ['direct', 'relay', 'webrtc', 'overlay', 'udp', 'websocket', 'off'] as const;

export interface Colours {
  readonly ink: string;
  readonly faint: string;
  readonly mark: string;
  readonly kinds: Readonly<Record<string, string>>;
}

export function coloursOf(element: Element): Colours {
  const style = getComputedStyle(element);
  const read = (name: string): string => style.getPropertyValue(name).trim();
  return {
    ink: read('--ink'),
    faint: read('--faint'),
    mark: read('--mark'),
    kinds: Object.fromEntries(kinds.map((kind) => [kind, read(`--${kind}`)])),
  };
}

export interface Spot {
  readonly member: WebMember;
  readonly x: number;
  readonly y: number;
}

/** A kilobit and a gigabit a second are six steps apart. */
const widthOf = (rate: number): number =>
  1 + Math.round(4 * Math.min(5, Math.max(0, Math.log10((rate * 8) / 1e3 + 1)))) / 4;
const dashOf = (path: string | null): number[] =>
  path === 'direct' || path === 'udp'
    ? []
    : path === 'relay' || path === 'webrtc' || path === 'websocket'
      ? [6, 4]
      : [2, 3];

interface ToldLink {
  readonly a: string;
  readonly b: string;
  readonly path: string | null;
  readonly rate: number;
}

/** Links that members tell of, one for the two ends of each; ours are known better. */
export function linksTold(told: readonly WebTold[], own: string): readonly ToldLink[] {
  const pairs = new Map<string, ToldLink>();
  for (const { by, links } of told)
    for (const { to, path, rate } of links) {
      if (by === own || to === own || by === to) continue;
      const [a, b] = by < to ? [by, to] : [to, by];
      const known = pairs.get(`${a}${b}`);
      if (!known || known.rate < rate) pairs.set(`${a}${b}`, { a, b, path, rate });
    }
  return [...pairs.values()];
}

/** What of the members is drawn: the same text, the same picture. */
export const drawnOf = (members: readonly WebMember[], rates: Rates): string =>
  members
    .map(
      (member) =>
        `${member.id}${member.name}${kindOf(member)}${member.link === null ? '' : '+'}${widthOf(rates.members.get(member.id) ?? 0)}`,
    )
    .join();

/** With room for names around it. */
function ringOf(size: number): { readonly middle: number; readonly radius: number } {
  const middle = size / 2;
  return { middle, radius: middle - Math.min(72, size * 0.16) };
}

const dotOf = (members: readonly unknown[]): number =>
  members.length > 400 ? 2 : members.length > 60 ? 3.5 : 5;

/** Where the name of a member at a place of the ring begins or ends. */
function nameAt(size: number, x: number, y: number): { readonly x: number; readonly y: number } {
  const { middle, radius } = ringOf(size);
  return { x: x + ((x - middle) / radius) * 10, y: y + ((y - middle) / radius) * 10 + 4 };
}

function write(
  context: CanvasRenderingContext2D,
  size: number,
  colours: Colours,
  { x, y }: Pick<Spot, 'x' | 'y'>,
  text: string,
): void {
  const middle = size / 2;
  const to = nameAt(size, x, y);
  context.font = '12px system-ui, sans-serif';
  context.fillStyle = colours.ink;
  context.textAlign = Math.abs(x - middle) < 12 ? 'center' : x > middle ? 'left' : 'right';
  const room = context.textAlign === 'left' ? size - to.x : context.textAlign === 'right' ? to.x : 96;
  context.fillText(text, to.x, to.y, Math.max(8, room - 2));
}

/** A member that stands out: a circle around it, and its name. */
function highlight(
  context: CanvasRenderingContext2D,
  size: number,
  colours: Colours,
  spot: Spot,
  dot: number,
): void {
  context.strokeStyle = colours.mark;
  context.lineWidth = 2;
  context.beginPath();
  context.arc(spot.x, spot.y, dot + 4, 0, 2 * Math.PI);
  context.stroke();
  write(context, size, colours, spot, spot.member.name);
}

/** Draws who is pointed at, and nothing else: on a sheet of its own, so that the ring stays as it is. */
export function drawPointed(
  context: CanvasRenderingContext2D,
  size: number,
  colours: Colours,
  spots: readonly Spot[],
  pointed: string | null,
): void {
  context.clearRect(0, 0, size, size);
  const spot = pointed === null ? undefined : spots.find(({ member }) => member.id === pointed);
  if (spot) highlight(context, size, colours, spot, dotOf(spots));
}

/** Draws all but who is pointed at; returns where members are, for the pointer. */
export function draw(
  context: CanvasRenderingContext2D,
  size: number,
  colours: Colours,
  { picture, rates, chosen }: Drawn,
): Spot[] {
  const { middle, radius } = ringOf(size);
  const at = (id: string): [number, number] => {
    const angle = turnOf(id) * 2 * Math.PI - Math.PI / 2;
    return [middle + radius * Math.cos(angle), middle + radius * Math.sin(angle)];
  };
  context.clearRect(0, 0, size, size);
  context.lineWidth = 1;
  context.strokeStyle = colours.faint;
  context.beginPath();
  context.arc(middle, middle, radius, 0, 2 * Math.PI);
  context.stroke();
  const { members, self, relay, links, told } = picture;
  const spots = members.map((member): Spot => {
    const [x, y] = at(member.id);
    return { member, x, y };
  });
  if (links) {
    context.globalAlpha = links.length > 2_000 ? 0.12 : 0.3;
    context.beginPath();
    for (const [from, to] of links) {
      const a = spots[from];
      const b = spots[to];
      if (!a || !b) continue;
      context.moveTo(a.x, a.y);
      context.quadraticCurveTo(middle, middle, b.x, b.y);
    }
    context.stroke();
    context.globalAlpha = 1;
  }
  /** The way from one place to another, curved towards the middle, so that neighbours on the ring are not one line. */
  const chord = (
    [x, y]: readonly [number, number],
    [toX, toY]: readonly [number, number],
    path: string | null,
    width: number,
  ): void => {
    context.strokeStyle = colours.kinds[path ?? 'off'] ?? colours.faint;
    context.lineWidth = width;
    context.setLineDash(dashOf(path));
    context.beginPath();
    context.moveTo(x, y);
    context.quadraticCurveTo((x + toX + middle) / 3, (y + toY + middle) / 3, toX, toY);
    context.stroke();
  };
  if (told && self) {
    const pairs = linksTold(told, self.id);
    context.globalAlpha = pairs.length > 300 ? 0.25 : 0.5;
    for (const { a, b, path, rate } of pairs) chord(at(a), at(b), path, widthOf(rate) * 0.75);
  }
  // A relay stands in the middle.
  const hub = self ? at(self.id) : relay && ([middle, middle] as const);
  if (hub) {
    const all = members.length > 300 ? 0.35 : 0.8;
    for (const { member, x, y } of spots) {
      if (member.path === null) continue;
      context.globalAlpha = relay ? all : member.link === null ? 0.35 : 0.8;
      chord(hub, [x, y], member.path, widthOf(rates.members.get(member.id) ?? 0));
    }
  }
  context.globalAlpha = 1;
  context.setLineDash([]);
  const dot = dotOf(members);
  for (const kind of [...kinds].reverse()) {
    context.fillStyle = colours.kinds[kind] ?? colours.faint;
    context.beginPath();
    for (const { member, x, y } of spots) {
      if (kindOf(member) !== kind) continue;
      context.moveTo(x + dot, y);
      context.arc(x, y, dot, 0, 2 * Math.PI);
    }
    context.fill();
  }
  const names: { readonly x: number; readonly y: number }[] = [];
  const label = (x: number, y: number, text: string): void => {
    const to = nameAt(size, x, y);
    // Of two names at one place the first is read; whoever points at the other sees it.
    if (names.some((name) => Math.abs(name.y - to.y) < 11 && Math.abs(name.x - to.x) < 60)) return;
    names.push(to);
    write(context, size, colours, { x, y }, text);
  };
  if (relay) {
    context.fillStyle = colours.mark;
    context.fillRect(middle - 7, middle - 7, 14, 14);
  }
  const fewEnough = members.length <= 24;
  const own = self && at(self.id);
  for (const spot of spots) {
    const { member, x, y } = spot;
    // Our own name goes before that of a neighbour.
    const covered = own !== null && Math.hypot(x - own[0], y - own[1]) < 18;
    if (member.id === chosen) highlight(context, size, colours, spot, dot);
    else if (fewEnough && !covered) label(x, y, member.name);
  }
  if (self) {
    const [x, y] = at(self.id);
    context.fillStyle = colours.mark;
    context.beginPath();
    context.arc(x, y, dot + 2, 0, 2 * Math.PI);
    context.fill();
    write(context, size, colours, { x, y }, self.name);
  }
  return spots;
}

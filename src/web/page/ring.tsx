/** The ring: members at the places of their ids, our links across it, coloured by how packets go. */
import { useEffect, useMemo, useRef } from 'preact/hooks';
import type { Picture, WebMember, WebTold } from '../model.js';
import { bits, round } from './format.js';
import type { Rates } from './traffic.js';

interface Props {
  readonly picture: Picture;
  readonly rates: Rates;
  readonly chosen: string | null;
  readonly choose: (id: string) => void;
}

/** A place on the ring, as a fraction of a turn: the upper 52 bits of an id. */
export const turnOf = (id: string): number => parseInt(id.slice(0, 13), 16) / 2 ** 52;

/** Kind of a path, or of a state without one. */
const kindOf = (member: WebMember): string =>
  member.path ?? (member.state === 'connected' ? 'direct' : 'off');
const kinds = ['direct', 'relay', 'webrtc', 'overlay', 'off'] as const;

interface Colours {
  readonly ink: string;
  readonly faint: string;
  readonly mark: string;
  readonly kinds: Readonly<Record<string, string>>;
}

function coloursOf(element: Element): Colours {
  const style = getComputedStyle(element);
  const read = (name: string): string => style.getPropertyValue(name).trim();
  return {
    ink: read('--ink'),
    faint: read('--faint'),
    mark: read('--mark'),
    kinds: Object.fromEntries(kinds.map((kind) => [kind, read(`--${kind}`)])),
  };
}

interface Spot {
  readonly member: WebMember;
  readonly x: number;
  readonly y: number;
}

/** A kilobit and a gigabit a second are six steps apart. */
const widthOf = (rate: number): number =>
  1 + Math.round(4 * Math.min(5, Math.max(0, Math.log10((rate * 8) / 1e3 + 1)))) / 4;
const dashOf = (path: string | null): number[] =>
  path === 'direct' ? [] : path === 'relay' || path === 'webrtc' ? [6, 4] : [2, 3];

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
const drawnOf = (members: readonly WebMember[], rates: Rates): string =>
  members
    .map(
      (member) =>
        `${member.id}${member.name}${kindOf(member)}${member.link === null ? '' : '+'}${widthOf(rates.members.get(member.id) ?? 0)}`,
    )
    .join();

/** Draws all; returns where members are, for the pointer. */
export function draw(
  context: CanvasRenderingContext2D,
  size: number,
  colours: Colours,
  { picture, rates, chosen }: Props,
  pointed: string | null,
): Spot[] {
  const middle = size / 2;
  // Room for names around it.
  const radius = middle - Math.min(72, size * 0.16);
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
  const { members, self, links, told } = picture;
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
  if (told && self) {
    const pairs = linksTold(told, self.id);
    context.globalAlpha = pairs.length > 300 ? 0.25 : 0.5;
    for (const { a, b, path, rate } of pairs) {
      const [[x, y], [toX, toY]] = [at(a), at(b)];
      context.strokeStyle = colours.kinds[path ?? 'off'] ?? colours.faint;
      context.lineWidth = widthOf(rate) * 0.75;
      context.setLineDash(dashOf(path));
      context.beginPath();
      context.moveTo(x, y);
      context.quadraticCurveTo((x + toX + middle) / 3, (y + toY + middle) / 3, toX, toY);
      context.stroke();
    }
    context.globalAlpha = 1;
    context.setLineDash([]);
  }
  if (self) {
    const [x, y] = at(self.id);
    for (const { member, x: toX, y: toY } of spots) {
      if (member.path === null) continue;
      const rate = rates.members.get(member.id) ?? 0;
      context.strokeStyle = colours.kinds[kindOf(member)] ?? colours.faint;
      context.globalAlpha = member.link === null ? 0.35 : 0.8;
      context.lineWidth = widthOf(rate);
      context.setLineDash(dashOf(member.path));
      context.beginPath();
      context.moveTo(x, y);
      // Curved towards the middle, so that neighbours on the ring are not one line.
      context.quadraticCurveTo((x + toX + middle) / 3, (y + toY + middle) / 3, toX, toY);
      context.stroke();
    }
    context.globalAlpha = 1;
    context.setLineDash([]);
  }
  const dot = members.length > 400 ? 2 : members.length > 60 ? 3.5 : 5;
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
  context.font = '12px system-ui, sans-serif';
  const label = (x: number, y: number, text: string): void => {
    context.fillStyle = colours.ink;
    context.textAlign = Math.abs(x - middle) < 12 ? 'center' : x > middle ? 'left' : 'right';
    const [dx, dy] = [(x - middle) / radius, (y - middle) / radius];
    const toX = x + dx * 10;
    const room = context.textAlign === 'left' ? size - toX : context.textAlign === 'right' ? toX : 96;
    context.fillText(text, toX, y + dy * 10 + 4, Math.max(8, room - 2));
  };
  const mark = (x: number, y: number): void => {
    context.strokeStyle = colours.mark;
    context.lineWidth = 2;
    context.beginPath();
    context.arc(x, y, dot + 4, 0, 2 * Math.PI);
    context.stroke();
  };
  const fewEnough = members.length <= 24;
  const own = self && at(self.id);
  for (const { member, x, y } of spots) {
    const shown = member.id === chosen || member.id === pointed;
    if (shown) mark(x, y);
    // Our own name goes before that of a neighbour.
    const covered = own !== null && Math.hypot(x - own[0], y - own[1]) < 18;
    if (shown || (fewEnough && !covered)) label(x, y, member.name);
  }
  if (self) {
    const [x, y] = at(self.id);
    context.fillStyle = colours.mark;
    context.beginPath();
    context.arc(x, y, dot + 2, 0, 2 * Math.PI);
    context.fill();
    label(x, y, self.name);
  }
  return spots;
}

export function Ring(props: Props) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const tip = useRef<HTMLDivElement>(null);
  const state = useRef({ props, spots: [] as Spot[], pointed: null as string | null, due: false });
  state.current.props = props;

  const paint = (): void => {
    const element = canvas.current;
    const { current } = state;
    if (current.due || !element) return;
    current.due = true;
    requestAnimationFrame(() => {
      current.due = false;
      const context = element.getContext('2d');
      const size = element.clientWidth;
      if (!context || size === 0) return;
      const scale = window.devicePixelRatio || 1;
      if (element.width !== Math.round(size * scale))
        element.width = element.height = Math.round(size * scale);
      context.setTransform(scale, 0, 0, scale, 0, 0);
      current.spots = draw(context, size, coloursOf(element), current.props, current.pointed);
    });
  };

  const { picture, rates, chosen } = props;
  const drawn = useMemo(() => drawnOf(picture.members, rates), [picture.members, rates.members]);
  // Most pictures differ in nothing that is drawn.
  useEffect(paint, [drawn, picture.told, picture.links, picture.self?.id, chosen]);
  useEffect(() => {
    const observer = new ResizeObserver(paint);
    if (canvas.current) observer.observe(canvas.current);
    const dark = matchMedia('(prefers-color-scheme: dark)');
    dark.addEventListener('change', paint);
    return () => {
      observer.disconnect();
      dark.removeEventListener('change', paint);
    };
  }, []);

  const near = (event: MouseEvent): Spot | undefined => {
    let found: Spot | undefined;
    let best = 14 ** 2;
    for (const spot of state.current.spots) {
      const distance = (spot.x - event.offsetX) ** 2 + (spot.y - event.offsetY) ** 2;
      if (distance < best) [found, best] = [spot, distance];
    }
    return found;
  };
  const point = (event: MouseEvent): void => {
    const spot = near(event);
    const pointed = spot?.member.id ?? null;
    const box = tip.current;
    if (box) {
      box.hidden = !spot;
      if (spot) {
        const member = props.picture.members.find(({ id }) => id === spot.member.id) ?? spot.member;
        const rate = props.rates.members.get(member.id) ?? 0;
        box.textContent = [member.name, member.path ?? member.state, round(member.rttMs), bits(rate)]
          .filter((part) => part !== '')
          .join(' · ');
        box.style.left = `${spot.x}px`;
        box.style.top = `${spot.y}px`;
      }
    }
    if (pointed === state.current.pointed) return;
    state.current.pointed = pointed;
    paint();
  };

  const { members, self } = props.picture;
  const connected = members.filter(({ path }) => path !== null).length;
  return (
    <figure class="ring">
      <canvas
        ref={canvas}
        role="img"
        aria-label={
          self
            ? `Ring of ${members.length + 1} members: ${connected} are connected with ${self.name}. The table has the same.`
            : `Ring of ${members.length} members.`
        }
        onMouseMove={point}
        onMouseLeave={point}
        onClick={(event) => {
          const spot = near(event);
          if (spot) props.choose(spot.member.id);
        }}
      />
      <div class="tip" ref={tip} hidden />
      <figcaption>
        <span class="key direct">direct</span>
        <span class="key relay">by a relay</span>
        <span class="key overlay">through members</span>
        <span class="key off">not connected</span>
      </figcaption>
    </figure>
  );
}

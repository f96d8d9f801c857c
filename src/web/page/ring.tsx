/** The ring, and what is pointed at on it. */
import { useEffect, useMemo, useRef } from 'preact/hooks';
import { bits, round } from './format.js';
import { coloursOf, draw, drawnOf, drawPointed, type Drawn, type Spot } from './ring-draw.js';

interface Props extends Drawn {
  readonly choose: (id: string) => void;
}

/** As many dots as the screen has. */
function contextOf(element: HTMLCanvasElement, size: number): CanvasRenderingContext2D | null {
  const scale = window.devicePixelRatio || 1;
  const dots = Math.round(size * scale);
  if (element.width !== dots) element.width = element.height = dots;
  const context = element.getContext('2d');
  context?.setTransform(scale, 0, 0, scale, 0, 0);
  return context;
}

export function Ring(props: Props) {
  const canvas = useRef<HTMLCanvasElement>(null);
  /** Above it: who is pointed at. */
  const sheet = useRef<HTMLCanvasElement>(null);
  const tip = useRef<HTMLDivElement>(null);
  const state = useRef({
    props,
    spots: [] as Spot[],
    pointed: null as string | null,
    due: false,
    all: false,
  });
  state.current.props = props;

  /** At the next frame: all, or only who is pointed at. */
  const paint = (all: boolean): void => {
    const { current } = state;
    current.all ||= all;
    if (current.due) return;
    current.due = true;
    requestAnimationFrame(() => {
      const [base, above] = [canvas.current, sheet.current];
      const whole = current.all;
      current.due = current.all = false;
      if (!base || !above || base.clientWidth === 0) return;
      const size = base.clientWidth;
      const colours = coloursOf(base);
      const lower = whole ? contextOf(base, size) : null;
      if (lower) current.spots = draw(lower, size, colours, current.props);
      const upper = contextOf(above, size);
      if (upper) drawPointed(upper, size, colours, current.spots, current.pointed);
    });
  };
  const paintAll = (): void => {
    paint(true);
  };

  const { picture, rates, chosen } = props;
  const drawn = useMemo(() => drawnOf(picture.members, rates), [picture.members, rates.members]);
  // Most pictures differ in nothing that is drawn.
  useEffect(paintAll, [drawn, picture.told, picture.links, picture.self?.id, chosen]);
  useEffect(() => {
    const observer = new ResizeObserver(paintAll);
    if (canvas.current) observer.observe(canvas.current);
    const dark = matchMedia('(prefers-color-scheme: dark)');
    dark.addEventListener('change', paintAll);
    return () => {
      observer.disconnect();
      dark.removeEventListener('change', paintAll);
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
    paint(false);
  };

  const { members, self, relay } = props.picture;
  const connected = members.filter(({ path }) => path !== null).length;
  return (
    <figure class="ring">
      <div class="disc">
        <canvas
          ref={canvas}
          role="img"
          aria-label={
            self
              ? `Ring of ${members.length + 1} members: ${connected} are connected with ${self.name}. The table has the same.`
              : relay
                ? `Ring of ${members.length} members: ${connected} are connected to this relay. The table has the same.`
                : `Ring of ${members.length} members.`
          }
          onMouseMove={point}
          onMouseLeave={point}
          onClick={(event) => {
            const spot = near(event);
            if (spot) props.choose(spot.member.id);
          }}
        />
        <canvas ref={sheet} class="sheet" aria-hidden="true" />
        <div class="tip" ref={tip} hidden />
      </div>
      <figcaption>
        {relay ? (
          <>
            <span class="key direct">UDP</span>
            <span class="key relay">WebSocket</span>
          </>
        ) : (
          <>
            <span class="key direct">direct</span>
            <span class="key relay">by a relay</span>
            <span class="key overlay">through members</span>
          </>
        )}
        <span class="key off">not connected</span>
      </figcaption>
    </figure>
  );
}

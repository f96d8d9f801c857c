/** The ring, and what is pointed at on it. */
import { useEffect, useMemo, useRef } from 'preact/hooks';
import { bits, round } from './format.js';
import { coloursOf, draw, drawnOf, type Drawn, type Spot } from './ring-draw.js';

interface Props extends Drawn {
  readonly choose: (id: string) => void;
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

  const { members, self, relay } = props.picture;
  const connected = members.filter(({ path }) => path !== null).length;
  return (
    <figure class="ring">
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
      <div class="tip" ref={tip} hidden />
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

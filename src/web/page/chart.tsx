/** Throughput of the last five minutes. */
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import { bits } from './format.js';
import type { Rates } from './traffic.js';

const height = 150;
/** While nothing passes, the time axis moves on this seldom, seconds. */
const restS = 20;

export function Throughput({ history }: { readonly history: Rates['history'] }) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  useEffect(() => {
    const box = place.current;
    if (!box) return undefined;
    const make = (): void => {
      plot.current?.destroy();
      const style = getComputedStyle(box);
      const read = (name: string): string => style.getPropertyValue(name).trim();
      const axis = {
        stroke: read('--soft'),
        grid: { stroke: read('--faint'), width: 1 },
        ticks: { show: false },
      };
      plot.current = new uPlot(
        {
          width: box.clientWidth,
          height,
          cursor: { y: false },
          legend: { show: false },
          scales: { y: { range: (_, __, max) => [0, Math.max(max, 125)] } },
          axes: [axis, { ...axis, size: 76, values: (_, ticks) => ticks.map(bits) }],
          series: [
            {},
            { label: 'in', stroke: read('--direct'), width: 1.5, points: { show: false } },
            { label: 'out', stroke: read('--relay'), width: 1.5, dash: [6, 3], points: { show: false } },
          ],
        },
        history as unknown as uPlot.AlignedData,
        box,
      );
    };
    make();
    const observer = new ResizeObserver(() => plot.current?.setSize({ width: box.clientWidth, height }));
    observer.observe(box);
    const dark = matchMedia('(prefers-color-scheme: dark)');
    dark.addEventListener('change', make);
    return () => {
      observer.disconnect();
      dark.removeEventListener('change', make);
      plot.current?.destroy();
      plot.current = null;
    };
  }, []);
  const [at, rx, tx] = history;
  const drawn = useRef(0);
  useEffect(() => {
    const now = at.at(-1) ?? 0;
    const rests = rx.slice(-2).every((rate) => rate === 0) && tx.slice(-2).every((rate) => rate === 0);
    if (rests && now >= drawn.current && now - drawn.current < restS) return;
    drawn.current = now;
    plot.current?.setData(history as unknown as uPlot.AlignedData);
  }, [history]);
  return (
    <figure class="chart">
      <div
        ref={place}
        role="img"
        aria-label={`Throughput: ${bits(rx.at(-1) ?? 0)} in, ${bits(tx.at(-1) ?? 0)} out`}
      />
      <figcaption>
        <span class="key direct">in</span>
        <span class="key relay">out</span>
      </figcaption>
    </figure>
  );
}

import { render } from 'preact';
import { useEffect, useMemo, useState } from 'preact/hooks';
import { applied } from '../change.js';
import type { Picture, WebMessage, WebNetworks } from '../model.js';
import { Throughput } from './chart.js';
import { Details } from './details.js';
import { follow, networks } from './feed.js';
import { bits, moment, round, since } from './format.js';
import { Ring } from './ring.js';
import { Members } from './table.js';
import { noRates, ratesOf, type Rates } from './traffic.js';

/** Lines of events that are kept. */
const eventLimit = 60;

interface View {
  readonly picture: Picture | undefined;
  readonly rates: Rates;
  /** The newest first; numbered, so that a new one leaves the others of the list as they are. */
  readonly events: readonly { readonly at: number; readonly text: string; readonly number: number }[];
  /** Why what is shown is old; null: it is not. */
  readonly stale: string | null;
}

const empty: View = { picture: undefined, rates: noRates, events: [], stale: null };

function told(view: View, message: WebMessage): View {
  if (message.kind === 'event') {
    const event = { ...message, number: (view.events[0]?.number ?? 0) + 1 };
    return { ...view, events: [event, ...view.events].slice(0, eventLimit) };
  }
  if (message.kind === 'gone') return { ...view, stale: message.reason };
  const before = view.picture;
  // A change of what was never seen: the whole picture comes first.
  if (message.kind === 'change' && !before) return view;
  const picture = message.kind === 'change' && before ? applied(before, message) : (message as Picture);
  return { ...view, picture, rates: ratesOf(before, picture, view.rates), stale: null };
}

const asked = new URLSearchParams(location.search).get('network') ?? undefined;

function Fact({ name, children }: { readonly name: string; readonly children: string | number }) {
  return (
    <div class="fact">
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function App() {
  const [all, setAll] = useState<WebNetworks['networks']>([]);
  const [network, setNetwork] = useState(asked);
  const [view, setView] = useState(empty);
  const [chosen, setChosen] = useState<string | null>(null);

  useEffect(() => {
    networks().then(setAll, () => undefined);
  }, []);
  useEffect(() => {
    // A page in the background goes on hearing, and is drawn when it is looked at again.
    let now = empty;
    const show = (): void => {
      if (!document.hidden) setView(now);
    };
    show();
    document.addEventListener('visibilitychange', show);
    const end = follow(network, (message) => {
      now = told(now, message);
      show();
    });
    return () => {
      end();
      document.removeEventListener('visibilitychange', show);
    };
  }, [network]);
  useEffect(() => {
    const escape = (event: KeyboardEvent): void => {
      if (event.key === 'Escape') setChosen(null);
    };
    document.addEventListener('keydown', escape);
    return () => {
      document.removeEventListener('keydown', escape);
    };
  }, []);

  const { picture, rates, events, stale } = view;
  // Nothing of it is looked at where nothing of it changed.
  const table = useMemo(
    () =>
      picture && (
        <Members
          members={picture.members}
          byRelay={picture.relay !== undefined}
          rates={rates}
          chosen={chosen}
          choose={setChosen}
        />
      ),
    [picture?.members, rates.members, chosen],
  );
  if (!picture)
    return (
      <main class="loading" aria-live="polite">
        <p>{stale ?? 'Asking the node …'}</p>
      </main>
    );
  const { self, members, relay, relays } = picture;
  const by = (kind: string): number => members.filter(({ path }) => path === kind).length;
  const connected = members.filter(({ path }) => path !== null).length;
  const [, rx, tx] = rates.history;
  const member = members.find(({ id }) => id === chosen);
  const drops = self ? Object.entries(self.drops).filter(([, count]) => count > 0) : [];
  return (
    <>
      <header class="top">
        <h1>evio</h1>
        {all.length > 1 ? (
          <select
            aria-label="Network"
            value={picture.network.id}
            onChange={(event) => {
              setChosen(null);
              setNetwork(event.currentTarget.value);
            }}
          >
            {all.map(({ id, name }) => (
              <option key={id} value={id}>
                {name}
              </option>
            ))}
          </select>
        ) : (
          <strong>{picture.network.name}</strong>
        )}
        <span class="soft">
          {picture.network.cidr}
          {self
            ? ` as ${self.name}, ${self.ip}`
            : relay
              ? 'as the relay on this machine knows it'
              : ', simulated'}
        </span>
        <span class={stale === null ? 'status' : 'status old'} role="status">
          {stale === null ? 'live' : `old: ${stale}`}
        </span>
      </header>
      <main>
        <dl class="facts">
          <Fact name="Members">{picture.size}</Fact>
          {self && <Fact name="Connected">{connected}</Fact>}
          {self && <Fact name="Direct">{by('direct')}</Fact>}
          {self && <Fact name="By relay">{by('relay')}</Fact>}
          {self && <Fact name="Through members">{by('overlay')}</Fact>}
          {relay && <Fact name="Here now">{relay.online}</Fact>}
          {relay && <Fact name="By UDP">{by('udp')}</Fact>}
          {relay && <Fact name="By WebSocket">{by('websocket')}</Fact>}
          {(self ?? relay) && <Fact name="In">{bits(rx.at(-1) ?? 0)}</Fact>}
          {(self ?? relay) && <Fact name="Out">{bits(tx.at(-1) ?? 0)}</Fact>}
          {self && <Fact name="NAT">{self.nat}</Fact>}
          {self && <Fact name="Up">{since(self.uptimeMs)}</Fact>}
          {relay?.since && <Fact name={`Let in ${relay.admitted}`}>{moment(relay.since)}</Fact>}
        </dl>
        <div class="columns">
          <div class="left">
            <Ring picture={picture} rates={rates} chosen={chosen} choose={setChosen} />
            {(self ?? relay) && <Throughput history={rates.history} />}
          </div>
          <div class="right">
            <p class="heard" role="status" aria-label="Chosen member">
              {member ? `${member.name}, ${member.path ?? member.state}, ${round(member.rttMs)}` : ''}
            </p>
            {member && (
              <Details
                network={network}
                member={member}
                picture={picture}
                choose={setChosen}
                rate={rates.members.get(member.id) ?? 0}
                close={() => setChosen(null)}
              />
            )}
            {table}
          </div>
        </div>
        {self && (
          <div class="below">
            <section aria-label="Relays">
              <h2>Relays</h2>
              <ul class="relays">
                {relays.map(({ url, state, transport, rttMs, reason }) => (
                  <li key={url}>
                    <code>{url.replace(/#.*$/, '')}</code> {state} {transport} {round(rttMs)} {reason ?? ''}
                  </li>
                ))}
                {relays.length === 0 && <li>none</li>}
              </ul>
            </section>
            <section aria-label="Refused packets">
              <h2>Refused packets</h2>
              <ul>
                {drops.map(([reason, count]) => (
                  <li key={reason}>
                    {reason}: {count}
                  </li>
                ))}
                {drops.length === 0 && <li>none</li>}
              </ul>
            </section>
            <section aria-label="Events">
              <h2>Events</h2>
              <ol class="log" aria-live="polite">
                {events.map(({ at, text, number }) => (
                  <li key={number}>
                    <time>{new Date(at).toLocaleTimeString()}</time> {text}
                  </li>
                ))}
                {events.length === 0 && <li>nothing yet</li>}
              </ol>
            </section>
          </div>
        )}
      </main>
    </>
  );
}

const place = document.getElementById('view');
if (place) {
  place.textContent = '';
  render(<App />, place);
}

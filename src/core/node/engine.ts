/**
 * A running node: starts, stops, begins anew for another address, and answers what people ask. Its parts and how they
 * hang together are in run.ts; what is here outlives a run.
 */
import { fromBase64Url, toBase64Url } from '../lib/bytes.js';
import { EvioError, messageOf } from '../lib/errors.js';
import { formatIpv4 } from '../lib/ipv4.js';
import { memoryKeeper, type LedgerKeeper } from '../ledger/keeper.js';
import { Lifecycle, type Teardown } from '../lib/lifecycle.js';
import { TokenBucket } from '../lib/token-bucket.js';
import type { NetworkMetrics } from './metrics-report.js';
import type { Amended, WrittenOrder } from '../membership/orders.js';
import type { Profile } from '../membership/profile.js';
import type { NamesReport } from '../names/report.js';
import { OwnCredential } from '../membership/own-credential.js';
import { startedEvent, type NodeEvent } from './events.js';
import type { Place } from './compose-outside.js';
import { Move } from './move.js';
import type { Node, NodeOptions } from './node.js';
import type { PingReport } from './ping-report.js';
import { KeyOrder, type KeyReport } from './key-order.js';
import { amendNetwork } from './amending.js';
import { revokedError } from './ledger-events.js';
import { pingNamed } from './own-ping.js';
import { composeOrders } from './compose-orders.js';
import type { LocalOrders } from './local-orders.js';
import { localSettings, type LocalSettings } from './local-settings.js';
import { Readiness } from './readiness.js';
import { notRunning } from './reporter.js';
import type { PolicyReport } from '../policy/enforcement.js';
import type { PeerReport, RevokedReport, StatusReport, WhyReport } from './reports.js';
import type { EnginePorts } from './ports.js';
import { keptSubnets, type RouteOrders } from './route-orders.js';
import { composeRun, type Run } from './run.js';
import { startPlane } from './start-plane.js';
import { StateKeeper } from './state-keeper.js';
import type { RouteReport } from '../subnets/route-report.js';
import type { Testimony } from './gathered.js';
import { RouteSettings } from '../subnets/settings.js';

/** How often an interface that others remove is made again: then the node fails, and says why. */
const remakes = { perSecond: 1 / 60, burst: 5 };

export class Engine implements Node {
  readonly networkId: string;
  readonly #options: NodeOptions;
  readonly #ports: EnginePorts;
  readonly #life: Lifecycle;
  readonly #credential: OwnCredential;
  readonly #keeper: StateKeeper;
  readonly #ledger: LedgerKeeper;
  readonly #readiness: Readiness;
  readonly #routes: RouteSettings;
  readonly #local: LocalSettings;
  readonly local: LocalOrders;
  readonly #routeOrders: RouteOrders;
  readonly #keyOrder: KeyOrder;
  /** As it is on disk, as far as this process has to know. */
  #profile: Profile;
  #run: Run | undefined;
  readonly move: Move;
  readonly #remakes: TokenBucket;

  /** As it is called now. */
  get networkName(): string {
    return this.#credential.self.network.name;
  }

  constructor(options: NodeOptions, ports: EnginePorts) {
    this.#options = options;
    this.#ports = ports;
    this.#remakes = new TokenBucket(remakes.perSecond, remakes.burst, options.env.clock.now());
    this.#profile = options.profile;
    const { state, env } = options;
    this.#routes = new RouteSettings(options.profile);
    this.#local = localSettings(options.profile);
    const orders = composeOrders({
      ...{ options, routes: this.#routes, settings: this.#local },
      self: () => this.#credential.self,
      live: () => this.#live,
      running: () => this.#run,
    });
    this.#routeOrders = orders.routes;
    this.local = orders.local;
    const { clock, log } = env;
    const stored = state.credential === undefined ? undefined : fromBase64Url(state.credential);
    this.#credential = new OwnCredential(options.profile, stored);
    const { networkId, network } = this.#credential.self;
    this.#ledger = options.ledger ?? memoryKeeper(network.rootKey);
    this.#credential.setFacts(this.#ledger.ledger.standing.facts);
    this.networkId = networkId;
    this.#keyOrder = new KeyOrder({
      env,
      credential: this.#credential,
      standing: () => this.#ledger.ledger.standing,
      ask: (deed) => {
        const { turn, keyChanges } = this.#live;
        turn.input(() => {
          deed(keyChanges);
        });
      },
      store: (change) => this.#storeKey(change),
      beginAnew: () => this.#beginAnew(),
    });
    this.#keeper = new StateKeeper(state, {
      clock,
      log,
      save: (changed) => {
        options.saveState(changed);
      },
    });
    this.#readiness = new Readiness(clock, (peers) => {
      this.#tell({ event: 'ready', network: networkId, peers });
    });
    this.move = new Move({
      clock,
      live: () => this.#live,
      known: () => ({ serial: this.#ledger.ledger.serial, credential: this.#credential.bytes }),
      keeper: this.#keeper,
      beginAnew: () => this.#beginAnew(),
    });
    this.#life = new Lifecycle({
      begin: (teardown, wanted) => this.#begin(teardown, wanted),
      began: () => {
        this.#tellStarted();
        this.#readiness.started();
      },
      ended: () => {
        this.#tell({ event: 'stopped', network: networkId });
      },
      failed: (part, thrown) => {
        log.warn('could not stop', { part, reason: messageOf(thrown) });
      },
    });
  }

  /* ---- life ---- */

  async start(): Promise<void> {
    this.#readiness.begin();
    try {
      await this.#life.start();
    } catch (thrown) {
      if (!this.#life.wanted) this.#readiness.end();
      throw thrown;
    }
  }

  stop(): Promise<void> {
    this.#readiness.end();
    return this.#life.stop();
  }

  async adopt(text: string, wantedIp: string | undefined): Promise<boolean> {
    const credential = fromBase64Url(text);
    if (!credential || !this.#credential.adopt(credential, wantedIp)) return false;
    this.#keeper.setCredential(credential);
    this.#keeper.save();
    await this.#beginAnew();
    return true;
  }

  async repath(): Promise<void> {
    await this.#reread();
    await this.#beginAnew();
  }

  leave(): void {
    const { turn, farewells } = this.#live;
    turn.input(() => {
      farewells.say();
    });
  }

  waitConnected(timeoutMs: number): Promise<boolean> {
    return this.#readiness.wait(timeoutMs);
  }

  /** With another address everything begins anew, the interface too. */
  async #beginAnew(): Promise<void> {
    try {
      await this.#life.restart();
    } catch (thrown) {
      this.#fatal(thrown instanceof Error ? thrown : new Error(String(thrown)));
    }
  }

  async #begin(teardown: Teardown, wanted: () => boolean): Promise<void> {
    const bar = this.#ledger.ledger.standing.bar(this.#credential.self.idText);
    if (bar) throw revokedError(bar.reason);
    const heritage = this.#options.heritage?.(this.networkId);
    const { port, profile } = this.#options;
    const run = await startPlane((place) => this.#compose(place), {
      inherited: heritage?.plane,
      asked: port ?? (profile.port === 0 ? undefined : profile.port),
      kept: this.#keeper.port,
    });
    const { plane, turn, pulse, members, relays, overlay, subnets, pinger, reporter } = run;
    const { surroundings, interfaceWatch, names, bridge, exit } = run;
    let left: Promise<void> | undefined;
    teardown.add('router', () => left);
    teardown.add('plane', () => plane.stop());
    teardown.add('turn', () => {
      turn.close();
      pulse.stop();
    });
    if (!wanted()) return;
    teardown.add('peers', () => {
      turn.input(() => {
        overlay.stop();
        // Goodbyes are queued in the plane, which sends before it stops.
        members.close();
      });
    });
    teardown.add('relays', () => {
      run.calls?.calls.close();
      run.birthdays?.birthdays.close();
      relays.stop();
      left = surroundings.stop();
    });
    teardown.add('run', () => {
      this.#keeper.save();
      this.#follow(undefined);
      subnets.stop();
      pinger.stop();
      run.views.gathered.stop();
      reporter.stop();
    });
    this.#follow(run);
    const startSubnets = (): void => {
      subnets.start(keptSubnets(this.#keeper.subnets, members));
    };
    if (heritage) {
      await this.move.takeOver(run, heritage, () => this.#startInside(run));
      turn.input(startSubnets);
      // Packets wait, and what follows takes its time on a busy machine.
      plane.movable?.thaw();
      heritage.took();
    }
    teardown.add('exit', () => exit.stop());
    turn.input(() => {
      exit.start();
    });
    const unwatch = this.#ports.watch?.(() => {
      turn.input(() => {
        surroundings.look(this.#options.env.clock.now());
        interfaceWatch.look();
      });
    });
    if (unwatch) teardown.add('watch', unwatch);
    turn.input(() => {
      surroundings.start(unwatch !== undefined);
      interfaceWatch.start();
      if (!heritage) {
        this.#startInside(run);
        startSubnets();
      }
      relays.start();
    });
    if (heritage) {
      turn.input(() => {
        run.services.askAll();
      });
    }
    this.#keeper.setPort(plane.port);
    teardown.add('names', () => names.stop());
    names.start();
    teardown.add('bridge', () => {
      bridge.stop();
    });
    turn.input(() => {
      bridge.start(heritage !== undefined);
    });
    this.#options.env.log.info('node started', {
      network: this.networkName,
      ip: formatIpv4(this.#credential.self.certificate.ip),
      device: plane.deviceName,
      port: plane.port,
    });
  }

  #startInside({ policy, members, overlay }: Run): void {
    policy.take(this.#ledger.ledger.standing.policy);
    for (const credential of this.#keeper.credentials) members.take(credential);
    overlay.start(this.#options.env.clock.now(), this.#options.links ?? []);
  }

  #compose(place: Place): Run {
    const run: Run = composeRun(
      {
        options: this.#options,
        ports: this.#ports,
        credential: this.#credential,
        keeper: this.#keeper,
        routes: this.#routes,
        local: this.#local,
        ledger: this.#ledger,
        profile: () => this.#profile,
        amend: (order) => this.amend(order),
        settled: () => {
          this.#readiness.look();
          this.#keyOrder.look();
        },
        tell: (event) => {
          this.#tell(event);
        },
        readdressed: () => {
          void this.#beginAnew();
        },
        refacted: (facts) => {
          // The interface and the relays follow the facts, so a run has the same from its beginning to its end.
          if (this.#credential.setFacts(facts)) void this.#beginAnew();
        },
        renewed: (credential) => {
          // The state has it already; in the profile it outlasts a state that is lost.
          const text = toBase64Url(credential);
          this.#options
            .changeProfile?.((now) => ({ ...now, credential: text }))
            .catch((thrown: unknown) => {
              this.#options.env.log.warn('profile not saved', { reason: messageOf(thrown) });
            });
        },
        fatal: (error) => {
          // What a plane says while it is stopped, or before it has started, troubles nobody.
          if (this.#run === run) this.#failed(error, run.plane.deviceName);
        },
      },
      place,
    );
    return run;
  }

  #follow(run: Run | undefined): void {
    this.#run = run;
    this.#keeper.follow(run);
    this.#readiness.follow(run);
  }

  /* ---- what a person asks ---- */

  status(): StatusReport {
    return this.#live.reporter.status();
  }

  peers(): PeerReport[] {
    return this.#live.reporter.peers();
  }

  metrics(): NetworkMetrics {
    return this.#live.reporter.metrics();
  }

  names(): NamesReport {
    return this.#live.names.report();
  }

  revoked(): RevokedReport[] {
    return this.#live.reporter.revoked();
  }

  policy(): PolicyReport {
    return this.#live.reporter.policy();
  }

  async why(text: string): Promise<WhyReport> {
    const { reporter } = this.#live;
    return reporter.why(await reporter.find(text));
  }

  views(): Testimony[] {
    return this.#live.views.look(this.#live.turn);
  }

  recall(by: string, about: string): Promise<WhyReport['log']> {
    return this.#live.views.recall(this.#live, by, about);
  }

  /* ---- the ledger ---- */

  amend(written: WrittenOrder): Promise<Amended> {
    return amendNetwork(this.#live, written, {
      keeper: this.#ledger,
      profile: this.#profile,
      self: this.#credential.self,
      dateMs: this.#options.env.clock.date(),
      said: () => this.#reread(),
      run: () => this.#run,
    });
  }

  newKey(): Promise<KeyReport> {
    return this.#keyOrder.replace();
  }

  /** The profile first: from then on this machine has the new key, whatever happens. */
  async #storeKey(change: (profile: Profile) => Profile): Promise<void> {
    await this.#options.changeProfile?.(change);
    this.#profile = change(this.#profile);
    this.#credential.rekey(this.#profile);
    this.#keeper.setCredential(this.#credential.bytes);
    this.#keeper.save();
  }

  /** A command has put another root key, or other paths, into the profile. */
  async #reread(): Promise<void> {
    await this.#options.changeProfile?.((found) => {
      const { rootSeed, nextRootSeed, paths } = found;
      this.#profile = { ...this.#profile, rootSeed, nextRootSeed, paths };
      return found;
    });
  }

  /* ---- subnets ---- */

  routes(): RouteReport[] {
    return this.#live.reporter.routes();
  }

  announceRoute(cidr: string, shared: boolean): Promise<void> {
    return this.#routeOrders.announce(cidr, shared);
  }

  withdrawRoute(cidr: string): Promise<void> {
    return this.#routeOrders.withdraw(cidr);
  }

  acceptRoute(range: string, accepted: boolean): Promise<void> {
    return this.#routeOrders.accept(range, accepted);
  }

  joinPods(): boolean {
    return this.#live.interfaceWatch.joinPods();
  }

  async ping(
    text: string,
    count: number,
    timeoutMs: number,
    intervalMs: number,
    signal?: AbortSignal,
  ): Promise<PingReport> {
    return pingNamed(this.#live, text, { count, timeoutMs, intervalMs }, signal);
  }

  /** Only for what runs between start and stop. */
  get #live(): Run {
    if (!this.#run) throw notRunning(this.networkName);
    return this.#run;
  }

  /* ---- what it tells ---- */

  #tell(event: NodeEvent): void {
    this.#options.onEvent?.(event);
  }

  /** An interface that another program removed is made again, unless that goes on. */
  #failed(error: Error, device: string): void {
    const removed = error instanceof EvioError && error.code === 'EVIO_DEVICE';
    if (!removed || !this.#remakes.take(1, this.#options.env.clock.now())) {
      this.#fatal(error);
      return;
    }
    this.#options.env.log.warn('interface was removed by another program, and is made again', { device });
    this.#tell({ event: 'interface-mended', network: this.networkId, device, what: ['interface'] });
    void this.#beginAnew();
  }

  #fatal(error: Error): void {
    this.#options.onFatal?.(error);
  }

  /** Not when it begins anew: who started the node knows that it runs. */
  #tellStarted(): void {
    const { name } = this.#options.profile;
    this.#tell(startedEvent(this.#credential.self, name, this.#live.plane.deviceName));
  }
}

/** The methods of the control socket. Server and client take names and types from here. */
import type { z } from 'zod';
import type { Agree } from '../lib/agree.js';
import type { Asker, ControlHost } from './method.js';
import { adopt } from './methods/adopt.js';
import { amend } from './methods/amend.js';
import { bridgeSet } from './methods/bridge-set.js';
import { bridges } from './methods/bridges.js';
import { down } from './methods/down.js';
import { exit } from './methods/exit.js';
import { exitSet } from './methods/exit-set.js';
import { joinPods } from './methods/join-pods.js';
import { leave } from './methods/leave.js';
import { logs } from './methods/logs.js';
import { metrics } from './methods/metrics.js';
import { names } from './methods/names.js';
import { networks } from './methods/networks.js';
import { peers } from './methods/peers.js';
import { ping } from './methods/ping.js';
import { repath } from './methods/repath.js';
import { routeAccept } from './methods/route-accept.js';
import { routeAnnounce } from './methods/route-announce.js';
import { routeWithdraw } from './methods/route-withdraw.js';
import { routes } from './methods/routes.js';
import { recall } from './methods/recall.js';
import { rekey } from './methods/rekey.js';
import { policy } from './methods/policy.js';
import { services } from './methods/services.js';
import { sessionKeys } from './methods/session-keys.js';
import { serviceSet } from './methods/service-set.js';
import { status } from './methods/status.js';
import { up } from './methods/up.js';
import { upgrade } from './methods/upgrade.js';
import { views } from './methods/views.js';
import { wait } from './methods/wait.js';
import { watch } from './methods/watch.js';
import { why } from './methods/why.js';

export const methods = {
  adopt,
  amend,
  bridges,
  bridgeSet,
  down,
  exit,
  exitSet,
  joinPods,
  leave,
  logs,
  metrics,
  names,
  networks,
  peers,
  ping,
  policy,
  recall,
  rekey,
  repath,
  services,
  serviceSet,
  sessionKeys,
  routeAccept,
  routeAnnounce,
  routes,
  routeWithdraw,
  status,
  up,
  upgrade,
  views,
  wait,
  watch,
  why,
} as const;

type Methods = typeof methods;
export type Method = keyof Methods;
/** What an asker sends. */
export type Params<M extends Method> = z.input<Methods[M]['request']>;
/** What the method gets: checked, with defaults. */
export type Parsed<M extends Method> = z.output<Methods[M]['request']>;
export type Result<M extends Method> = Awaited<ReturnType<Methods[M]['run']>>;

/** Methods whose response schema is not that of what they answer: one does not compile here. */
type Wrong = {
  [M in Method]: Agree<z.output<Methods[M]['response']>, Result<M>> extends true ? never : M;
}[Method];
true satisfies [Wrong] extends [never] ? true : Wrong;

/** What answers requests. May throw EvioError. */
export type Handlers = {
  readonly [M in Method]: (params: Parsed<M>, asker: Asker) => Result<M> | Promise<Result<M>>;
};

/** The methods, answered by this process. */
export function handlersOf(host: ControlHost): Handlers {
  const bound = Object.entries(methods).map(([name, { run }]) => [
    name,
    (params: never, asker: Asker) => run(params, host, asker),
  ]);
  return Object.fromEntries(bound) as Handlers;
}

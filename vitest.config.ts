import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

/** Two cores, many processes and real clocks: who misses its time once is asked again, and named (scripts/test.sh). */
const retry = process.env['CI'] ? 1 : 0;

/**
 * Files of the lab whose tests ask what happens, not how fast: some of them run at a time. The others measure, and have the
 * machine to themselves.
 */
const beside = [
  'apply,barred-elsewhere,birthday,bridge,bridge-loop,capture,doubt,ethernet,field,ghosts,hard-nats,harness,inner-ipv6,lan,library,links,metrics,moved,moving,mtu,multicast,names,names-resolved',
  'netcheck,network-facts,new-key,office,passing,path-switches,pod-probe,policy,port-guard,port-mapping,proxy,ranges,recovery,refusal,relay-address,relay-addresses,relay-replaced,relays,renewal,revoke,second-mac',
  'say-why,second-uplink,several-ways,short-tcp,spoof,subnets,tunnel,waiting,web,webrtc',
]
  .map((names) => `test/lab/{${names}}.test.ts`)
  // In brief; at length they have commands of their own.
  .concat('test/matrix/{day,failover}.test.ts');

/**
 * Node reads the machine's further authorities at each start, which takes longer than the start itself: the tests start
 * thousands of programs, and reach nobody whom those vouch for. Whoever does (a registry) takes them by the second name.
 */
const env = {
  NODE_EXTRA_CA_CERTS: '',
  EVIO_TEST_AUTHORITIES: process.env['NODE_EXTRA_CA_CERTS'] ?? '',
};

/** `unit` needs nothing but Node; `lab` needs root, namespaces and a fresh build in dist/. */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          env,
          name: 'unit',
          include: ['test/{unit,vectors,fuzz,cli,view}/**/*.test.{ts,tsx}'],
          disableConsoleIntercept: true,
          // Vitest would leave one processor to itself.
          maxWorkers: availableParallelism(),
          testTimeout: 20_000,
          retry,
        },
      },
      {
        test: {
          env: { ...env, EVIO_BRIEF: '1' },
          name: 'lab-beside',
          include: beside,
          disableConsoleIntercept: true,
          // Most of their time they wait.
          maxWorkers: availableParallelism() + 1,
          testTimeout: 180_000,
          hookTimeout: 180_000,
          retry,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          env,
          name: 'lab',
          include: ['test/lab/**/*.test.ts'],
          exclude: beside,
          disableConsoleIntercept: true,
          sequence: { groupOrder: 2 },
          fileParallelism: false,
          maxWorkers: 1,
          testTimeout: 180_000,
          hookTimeout: 180_000,
          retry,
        },
      },
      {
        // What takes minutes in the lab, and writes tables into docs/connectivity.md.
        test: {
          env,
          name: 'matrix',
          include: ['test/matrix/**/*.test.ts'],
          disableConsoleIntercept: true,
          fileParallelism: false,
          maxWorkers: 1,
          testTimeout: 1_800_000,
          hookTimeout: 300_000,
        },
      },
      {
        // The program of one file: needs root, and what `npm run build:binary` made.
        test: {
          env,
          name: 'binary',
          include: ['test/binary/**/*.test.ts'],
          disableConsoleIntercept: true,
          fileParallelism: false,
          maxWorkers: 1,
          testTimeout: 180_000,
          hookTimeout: 300_000,
          retry,
        },
      },
      {
        // The plugin for container runtimes, with the CNI project's own tools: needs root and Go.
        test: {
          env,
          name: 'cni',
          include: ['test/cni/**/*.test.ts'],
          disableConsoleIntercept: true,
          fileParallelism: false,
          maxWorkers: 1,
          testTimeout: 180_000,
          hookTimeout: 300_000,
          retry,
        },
      },
      {
        // A cluster of Kubernetes as it is published: needs root and Go, and builds for minutes at first (globalSetup).
        test: {
          env,
          name: 'kubernetes',
          include: ['test/kubernetes/**/*.test.ts'],
          globalSetup: ['test/kubernetes/setup.ts'],
          disableConsoleIntercept: true,
          fileParallelism: false,
          maxWorkers: 1,
          testTimeout: 120_000,
          retry,
          // The tests of a file use one cluster, one after the other.
          bail: 1,
        },
      },
    ],
  },
});

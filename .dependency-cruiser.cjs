/**
 * The arrows of docs/architecture.md, checked: fronts -> engine rooms -> machines -> wire -> lib. A type is an arrow
 * like any other; there are no circles.
 */
const machines =
  '^src/core/(peer|path|surroundings|switch|policy|topology|subnets|bridging|noise|membership|ledger|identity|wire|lib)/';
module.exports = {
  forbidden: [
    {
      name: 'no-circular',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'core-knows-no-front',
      severity: 'error',
      from: { path: '^src/core' },
      to: { path: '^src/(commands|cli|views|rendezvous|lab|bench|sim|cni|kube|capture)/' },
    },
    {
      name: 'core-knows-no-ui',
      severity: 'error',
      from: { path: '^src/(core|rendezvous)' },
      to: { path: 'node_modules/(ink|react|@oclif)/' },
    },
    {
      name: 'rendezvous-needs-little',
      severity: 'error',
      from: { path: '^src/rendezvous' },
      to: {
        path: '^src/core/',
        pathNot:
          '^src/core/(wire|identity|ledger|noise|lib|native|disk|metrics|relays/net|handover/blobs)(/|\\.)',
      },
    },
    {
      // endpoint.ts takes only isIPv4 and isIPv6 from node:net.
      name: 'machines-do-no-io',
      severity: 'error',
      from: { path: machines, pathNot: '^src/core/lib/endpoint\\.ts$' },
      to: { dependencyTypes: ['core'], pathNot: '^(node:)?(crypto|util|buffer|zlib)$' },
    },
    {
      // The port of the data plane is an interface without code: machines are written against it.
      name: 'machines-know-machines',
      severity: 'error',
      from: { path: machines },
      to: {
        path: '^src/core/(native|tap|disk|dataplane|carriers|relays|overlay|node|process|control|config)/',
        pathNot: '^src/core/dataplane/plane/plane\\.ts$',
      },
    },
    {
      name: 'control-imports-the-domain',
      severity: 'error',
      from: { path: '^src/core/', pathNot: '^src/core/(control|process)/' },
      to: { path: '^src/core/control/' },
    },
    {
      name: 'lib-is-the-ground',
      severity: 'error',
      from: { path: '^src/core/lib/' },
      to: { path: '^src/', pathNot: '^src/core/lib/' },
    },
    {
      name: 'wire-is-pure',
      severity: 'error',
      from: { path: '^src/core/wire/' },
      to: { path: '^src/', pathNot: '^src/core/(wire|lib)/' },
    },
    {
      // Started for every pod: what it loads is time that the pod waits.
      name: 'cni-needs-little',
      severity: 'error',
      from: { path: '^src/cni/' },
      to: {
        path: '^(src|node_modules)/',
        pathNot:
          '^src/(cni|core/(lib|config/home|control/client|disk/storage-error|native/(libc|netlink|arena|symbols|child|file-lock)|tap/(attribute|link-info)))',
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      // Beside the node, not in it.
      name: 'capture-needs-little',
      severity: 'error',
      from: { path: '^src/capture/' },
      to: { path: '^src/', pathNot: '^src/(capture|core/(lib|wire|native|disk|control/client))' },
    },
    {
      name: 'kube-needs-little',
      severity: 'error',
      from: { path: '^src/kube/' },
      to: {
        path: '^src/',
        pathNot:
          '^src/(kube|cni/(config|attached|programs|errors|lock)|core/(lib|disk|native/file-lock|config/home|control/client|process/socket-file|subnets/acceptance))',
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'views-are-dumb',
      severity: 'error',
      from: { path: '^src/views/' },
      to: { path: '^src/(core/(?!control|lib)|sim/(?!report)|rendezvous|commands|cli)' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
  },
};

/** The arrows of docs/architecture.md, checked: commands -> views, lab, core, rendezvous; machines -> wire, lib. */
const machines = '^src/core/(peer|path|switch|topology|noise|identity|wire|lib)/';
module.exports = {
  forbidden: [
    {
      name: 'no-circular',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'core-knows-no-front',
      severity: 'error',
      from: { path: '^src/core' },
      to: { path: '^src/(commands|views|rendezvous|lab)' },
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
      to: { path: '^src/core/', pathNot: '^src/core/(wire|identity|noise|lib|native|net)/' },
    },
    {
      // endpoint.ts takes only isIPv4 and isIPv6 from node:net.
      name: 'machines-do-no-io',
      severity: 'error',
      from: { path: machines, pathNot: '^src/core/lib/endpoint\\.ts$' },
      to: { dependencyTypes: ['core'], pathNot: '^(node:)?(crypto|util|buffer)$' },
    },
    {
      name: 'machines-know-machines',
      severity: 'error',
      from: { path: machines },
      to: { path: '^src/core/(native|tap|dataplane|net|control|config)/', dependencyTypesNot: ['type-only'] },
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
      name: 'views-are-dumb',
      severity: 'error',
      from: { path: '^src/views/' },
      to: { path: '^src/(core/(?!control|lib|sim/report)|rendezvous|commands)' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
  },
};

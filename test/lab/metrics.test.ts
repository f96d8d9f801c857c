/** What nodes and relays tell Prometheus, as a real one reads it (Debian's): every panel of the dashboard has data. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LabProcess, findProgram, run } from '../../src/lab/exec.js';
import { ping } from '../../src/lab/measure.js';
import { Rig, type RigNode } from '../../src/lab/rig.js';

const deploy = (path: string): string => fileURLToPath(new URL(`../../deploy/${path}`, import.meta.url));
const hasPrometheus = findProgram('prometheus') !== undefined && findProgram('promtool') !== undefined;
if (!hasPrometheus) console.log('SKIPPED: Prometheus is not installed here (apt-get install prometheus).');

interface Panel {
  readonly title: string;
  readonly targets?: readonly { readonly expr: string }[];
}
const dashboard = JSON.parse(readFileSync(deploy('grafana/evio.json'), 'utf8')) as { panels: Panel[] };
const asked = dashboard.panels.flatMap(({ title, targets = [] }) =>
  targets.map(({ expr }) => ({
    title,
    // What Grafana puts in for its variables.
    expr: expr.replaceAll('$__rate_interval', '20s').replaceAll(/\$(network|instance)/g, '.*'),
  })),
);

describe.runIf(hasPrometheus)('the alerts', () => {
  it('are rules that Prometheus takes, and fire when they should', async () => {
    await run(['promtool', 'check', 'rules', deploy('prometheus/evio.rules.yml')]);
    await run(['promtool', 'test', 'rules', deploy('prometheus/evio.rules.test.yml')]);
    await run(['promtool', 'check', 'config', deploy('prometheus/prometheus.yml')]);
  });
});

describe.runIf(hasPrometheus)('a dashboard on a real Prometheus', () => {
  let rig: Rig;
  let first: RigNode;
  let prometheus: LabProcess | undefined;

  beforeAll(async () => {
    rig = await Rig.create();
    const url = await rig.startRelay(['--metrics', '0.0.0.0:9478']);
    const hosts = await Promise.all(['one', 'two'].map((name) => rig.lab.publicHost(name, { v6: false })));
    const [one, two] = hosts.map((host, i) => rig.node(host, `n${i}`)) as [RigNode, RigNode];
    first = one;
    const token = await one.init('lab', url);
    one.launch(['node', '--metrics', '127.0.0.1:9479']);
    await one.up();
    two.launch(['join', token, '--name', 'two']);
    await two.up();
    writeFileSync(
      join(rig.folder, 'prometheus.yml'),
      JSON.stringify({
        global: { scrape_interval: '1s' },
        rule_files: [deploy('prometheus/evio.rules.yml')],
        scrape_configs: [
          { job_name: 'evio-node', static_configs: [{ targets: ['127.0.0.1:9479'] }] },
          {
            job_name: 'evio-relay',
            static_configs: [{ targets: [`${rig.relay.host.v4 ?? ''}:9478`] }],
          },
        ],
      }),
    );
    prometheus = new LabProcess(
      [
        'prometheus',
        `--config.file=${join(rig.folder, 'prometheus.yml')}`,
        `--storage.tsdb.path=${join(rig.folder, 'tsdb')}`,
        '--web.listen-address=127.0.0.1:9090',
      ],
      { ns: one.host.ns },
    );
    await ping(one.host.ns, two.ip, { count: 20, intervalMs: 50 });
  });
  afterAll(async () => {
    await prometheus?.stop(3_000);
    await rig.destroy();
  });

  interface Answer {
    readonly status: string;
    readonly data: { readonly result: readonly { readonly value: readonly [number, string] }[] };
  }
  /** Asks from inside the node's namespace, by one process for all; undefined while Prometheus does not answer. */
  async function queries(exprs: readonly string[]): Promise<Answer[] | undefined> {
    const program = `Promise.all(process.argv.slice(1).map((expr) =>
      fetch('http://127.0.0.1:9090/api/v1/query?query=' + encodeURIComponent(expr)).then((answer) => answer.json())))
      .then((answers) => process.stdout.write(JSON.stringify(answers)), () => undefined)`;
    const { stdout } = await first.host.run([process.execPath, '-e', program, ...exprs]);
    return stdout === '' ? undefined : (JSON.parse(stdout) as Answer[]);
  }
  const query = async (expr: string): Promise<Answer | undefined> => (await queries([expr]))?.[0];

  it('has data in every panel', async () => {
    // Rates need two scrapes.
    await expect
      .poll(
        async () =>
          Number(
            (await query('min(count_over_time({__name__=~"evio_node_info|evio_relay_clients"}[1m]))'))?.data
              .result[0]?.value[1] ?? 0,
          ),
        { timeout: 40_000, interval: 500 },
      )
      .toBeGreaterThan(3);
    expect(asked.length).toBeGreaterThan(20);
    const answers = await queries(asked.map(({ expr }) => expr));
    const empty = asked.filter((_, i) => {
      const answer = answers?.[i];
      return !answer?.data.result.some(({ value }) => Number.isFinite(Number(value[1])));
    });
    expect(empty).toEqual([]);
  });

  it('tells what is so: a peer, by a direct path, and what was sent to it', async () => {
    const value = async (expr: string): Promise<number> =>
      Number((await query(expr))?.data.result[0]?.value[1] ?? NaN);
    expect(await value('evio_node_peers{state="connected",network="lab"}')).toBe(1);
    expect(await value('max(evio_node_relay_up)')).toBe(1);
    expect(await value('evio_node_frames_total{direction="out"}')).toBeGreaterThanOrEqual(20);
    expect(await value('evio_relay_clients')).toBe(2);
    const status = await first.json<{ certificate: { expires: string } }>(['status']);
    expect(await value('evio_node_certificate_expires_timestamp_seconds')).toBeCloseTo(
      Date.parse(status.certificate.expires) / 1000,
    );
    expect(await value('count(ALERTS{alertstate="firing"}) or vector(0)')).toBe(0);
  });

  it('hears when a relay is gone', async () => {
    await rig.relay.stop();
    await expect
      .poll(async () => (await query('max(evio_node_relay_up)'))?.data.result[0]?.value[1], {
        timeout: 40_000,
        interval: 500,
      })
      .toBe('0');
    expect((await query('up{job="evio-relay"}'))?.data.result[0]?.value[1]).toBe('0');
  });
});

import * as Flags from '@oclif/core/flags';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { BaseCommand } from '../cli/base.js';
import { durationFlag } from '../cli/flags.js';
import { natMixFlag, shareFlag } from '../cli/sim-flags.js';
import { EvioError } from '../core/lib/errors.js';
import type { SimMoment } from '../sim/report.js';

/** Rows that the drawing takes at most: a screen. */
const mostRows = 40;

export default class Sim extends BaseCommand {
  static override summary = 'simulate a network of thousands of members';
  static override description =
    'Runs the same overlay code that nodes run, for as many members as asked, under a virtual clock and over a simulated internet with delays, losses and NATs. They join, route packets, broadcast, leave, crash, and (with --only split) are cut in two and joined again; it is measured how long the ring takes to heal. The same seed gives the same result. Touches the network not at all, and the disk only with --record.';

  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --nodes 10000 --seed 7 --json',
    '<%= config.bin %> <%= command.id %> --nodes 300 --churn 0.01 --churn-for 5m',
    '<%= config.bin %> <%= command.id %> --only leave --only crash --only split',
    '<%= config.bin %> <%= command.id %> --baseline log10 --only measure',
  ];

  static override flags = {
    nodes: Flags.integer({
      default: 1000,
      min: 1,
      max: 100_000,
      helpValue: 'N',
      description: 'how many members',
    }),
    seed: Flags.integer({
      default: 1,
      min: 0,
      max: 0xffff_ffff,
      helpValue: 'N',
      description: 'seed of all chance',
    }),
    churn: shareFlag({
      default: 0,
      defaultHelp: async () => '0',
      description: 'share of the members replaced each second, at the end: 0.01',
    }),
    'churn-for': durationFlag({
      default: 300_000,
      defaultHelp: async () => '5m',
      description: 'with --churn: for how long',
    }),
    'crash-share': shareFlag({
      default: 0.5,
      defaultHelp: async () => '0.5',
      description: 'with --churn: share of the replaced that crash; the others leave in order',
    }),
    loss: shareFlag({
      default: 0.005,
      defaultHelp: async () => '0.005',
      description: 'share of control datagrams lost by chance',
    }),
    'nat-mix': natMixFlag({
      defaultHelp: async () => '10/60/22/8',
      description: 'NATs in percent: public, endpoint-independent, address-and-port-dependent, UDP blocked',
    }),
    'no-relay': Flags.boolean({ description: 'no rendezvous: newcomers know a few public members' }),
    baseline: Flags.string({
      options: ['log10'],
      description: 'for comparison: long links drawn with log10 and no look-ahead, as Evio published',
    }),
    record: Flags.string({
      helpValue: 'FILE',
      description: 'write all members and links every two virtual seconds, for "evio web --replay FILE"',
    }),
    only: Flags.string({
      options: ['measure', 'leave', 'crash', 'split'],
      multiple: true,
      description: 'play these parts after the joining; default: leave and crash',
    }),
  };

  async run(): Promise<object> {
    const { flags } = await this.parse(Sim);
    const { simulate, parts } = await import('../sim/scenario.js');
    const { simLine, simRing, simText } = await import('../views/text/sim.js');
    const { interruptible } = await import('../core/process/signals.js');
    const { signal, release } = interruptible(
      () =>
        new EvioError('EVIO_INTERRUPTED', 'The simulation was interrupted.', [
          'Run it again; --nodes and --only make it shorter.',
        ]),
    );
    const recording = flags.record === undefined ? undefined : await this.#recorder(flags.record);
    const startedAt = performance.now();
    try {
      const { report, picture } = await simulate({
        nodes: flags.nodes,
        seed: flags.seed,
        loss: flags.loss,
        relay: !flags['no-relay'],
        churn: flags.churn,
        churnForMs: flags['churn-for'],
        crashShare: flags['crash-share'],
        ...(flags['nat-mix'] ? { natMix: flags['nat-mix'] } : {}),
        ...(flags.baseline === 'log10' ? { baseline: 'log10' } : {}),
        ...(flags.only ? { parts: parts.filter((part) => flags.only?.includes(part)) } : {}),
        ...(recording ? { record: recording.write } : {}),
        signal,
        breathe: async () => {
          await nextTurn();
        },
        onProgress: (progress) => {
          if (process.stderr.isTTY) this.say(simLine(progress));
        },
      });
      const columns = Math.min(process.stdout.columns || 80, 100);
      const rows = Math.min((process.stdout.rows || 30) - 4, mostRows);
      const drawing = simRing(picture, { columns, rows });
      if (drawing !== '') this.print(`${drawing}\n`);
      this.show(simText(report, performance.now() - startedAt));
      return report;
    } finally {
      recording?.close();
      release();
    }
  }

  /** Throws EvioError EVIO_STORAGE. */
  async #recorder(file: string): Promise<{ write: (moment: SimMoment) => void; close: () => void }> {
    const { closeSync, openSync, writeSync } = await import('node:fs');
    const { simPicture } = await import('../web/sim-picture.js');
    let fd: number;
    try {
      fd = openSync(file, 'w');
    } catch (thrown) {
      throw new EvioError('EVIO_STORAGE', `${file} cannot be written: ${(thrown as Error).message}`);
    }
    return {
      write: (moment) => {
        writeSync(fd, `${JSON.stringify(simPicture(moment))}\n`);
      },
      close: () => {
        closeSync(fd);
      },
    };
  }
}

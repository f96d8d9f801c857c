/** What every command shares: JSON output, errors, home, environment. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Command } from '@oclif/core/command';
import { homeFrom, relayHomeFrom, type Home } from '../core/config/home.js';
import { silentLogger, systemClock, systemRandom, type Env, type Logger } from '../core/lib/env.js';
import type { LogRing } from '../core/lib/log-ring.js';
import { printableLines } from '../core/lib/printable.js';
import { logLevelFrom } from '../core/process/log-level.js';
import type { Done } from './amend.js';
import { presentError, toEvioError } from './errors.js';
import { asTyped } from './program-name.js';

export abstract class BaseCommand extends Command {
  static override enableJsonFlag = true;
  /** True for a command that runs for long, most of the time with little to do: its heap is kept small from the start. */
  static daemon = false;

  /** Before any command: a level that there is not is refused, also where nothing would be logged. */
  override async init(): Promise<void> {
    await super.init();
    logLevelFrom(process.env);
  }

  /** The state folder. Throws EvioError EVIO_STORAGE. */
  protected home(): Home {
    return homeFrom();
  }

  protected relayHome(): Home {
    return relayHomeFrom();
  }

  /** In talk: what a person at this terminal sees on standard output anyway, and nobody else is to; a word for it elsewhere. */
  protected secret(value: string, word: string): string {
    return process.stdout.isTTY && !this.jsonEnabled() ? value : word;
  }

  /** `evio/0.1.0`, as relays and logs see it. */
  protected agent(): string {
    return `evio/${this.config.version}`;
  }

  /** The environment of a short command: it logs only when EVIO_LOG asks for details. */
  protected async env(): Promise<Env> {
    const asked = process.env['EVIO_LOG'];
    const log = asked === 'debug' || asked === 'trace' ? await this.logger() : silentLogger;
    return { clock: systemClock, random: systemRandom, log };
  }

  /** The log on stderr: lines for people at a terminal, JSON elsewhere. `ring` keeps the last lines for `evio logs`. */
  protected async logger(ring?: LogRing): Promise<Logger> {
    const { createLogger } = await import('../core/process/log.js');
    const pretty = process.stderr.isTTY;
    return createLogger({
      level: logLevelFrom(process.env),
      pretty,
      colour: pretty && !process.env['NO_COLOR'],
      worded: asTyped,
      write: (line) => process.stderr.write(line),
      keep:
        ring &&
        ((line) => {
          ring.add(line, Date.now());
        }),
    });
  }

  /** True where a live view may take over the terminal. */
  protected mayDraw(): boolean {
    return process.stdout.isTTY && !process.env['CI'] && !process.env['NO_COLOR'] && !this.jsonEnabled();
  }

  /** What a person reads, on stdout: its commands are as this person types them. Nothing with --json. */
  protected show(text: string): void {
    this.print(asTyped(text));
  }

  /** Data as it is, on stdout; nothing with --json. */
  protected print(text: string): void {
    if (this.jsonEnabled()) return;
    const safe = printableLines(text);
    process.stdout.write(safe.endsWith('\n') || safe === '' ? safe : `${safe}\n`);
  }

  /** Talk for people, on stderr, with commands as in `show`; nothing with --json. */
  protected say(text: string): void {
    this.sayAsIs(asTyped(text));
  }

  /** Talk whose commands are for another machine. */
  protected sayAsIs(text: string): void {
    if (!this.jsonEnabled()) process.stderr.write(`${printableLines(text)}\n`);
  }

  /** What there is to know beside the result of an order. With --json nobody is asked for it. */
  protected async sayNotes(done: Done): Promise<void> {
    if (this.jsonEnabled()) return;
    const { notesOf } = await import('./amend.js');
    for (const note of await notesOf(this.home(), done)) this.say(note);
  }

  /** One JSON line of a long-running command. */
  protected emit(event: object): void {
    process.stdout.write(`${JSON.stringify(event)}\n`);
  }

  override logJson(json: unknown): void {
    process.stdout.write(`${JSON.stringify(json)}\n`);
  }

  protected override async catch(thrown: unknown): Promise<void> {
    // oclif would warn of arguments that were not read; the error says more.
    this.parsed = true;
    const command = this.id?.replaceAll(':', ' ') ?? '';
    const { explained } = await import('./service-hint.js');
    const told = await explained(thrown);
    process.exitCode = presentError(told, this.jsonEnabled(), `evio ${command} --help`);
    const { NOTIFY_SOCKET, EVIO_LINGER_MS } = process.env;
    if (!(this.constructor as typeof BaseCommand).daemon || !(NOTIFY_SOCKET || EVIO_LINGER_MS)) return;
    const { endOfService, lingerMs } = await import('../core/process/service-end.js');
    const error = toEvioError(thrown);
    if (NOTIFY_SOCKET) process.exitCode = endOfService(error, process.env);
    await sleep(lingerMs(error, process.env));
  }
}

/** The program's log: pino, JSON lines for machines, one plain line for people at a terminal. Always on stderr. */
import { pino } from 'pino';
import type { Logger } from '../lib/env.js';
import { printable } from '../lib/printable.js';
import type { LogLevel } from './log-level.js';
import { Repeats } from './repeats.js';

export interface LogOptions {
  readonly level: LogLevel;
  /** Lines for people instead of JSON. */
  readonly pretty: boolean;
  /** Colour in lines for people. */
  readonly colour: boolean;
  readonly write: (line: string) => void;
  /** What texts in lines for people are made into. Default: they stay as they are. */
  readonly worded?: (text: string) => string;
  /** Gets each line as JSON, too, whatever is written. */
  readonly keep?: ((line: string) => void) | undefined;
}

const colours: Record<string, string> = { error: '31', warn: '33', info: '36', debug: '2', trace: '2' };

/** `13:02:11 info  relay up  url=192.0.2.1:3478`. Control characters cannot reach the terminal. */
export function prettyLine(
  json: string,
  colour: boolean,
  worded: (text: string) => string = (text) => text,
): string {
  const { time, level, msg, ...fields } = JSON.parse(json) as Record<string, unknown> & {
    time: string;
    level: string;
    msg: string;
  };
  const paint = (code: string | undefined, text: string): string =>
    colour && code !== undefined ? `\u001b[${code}m${text}\u001b[0m` : text;
  const facts = Object.entries(fields).map(([name, value]) => {
    const text = typeof value === 'string' ? worded(value) : JSON.stringify(value);
    return printable(`${name}=${/[\s\p{C}]/u.test(text) ? JSON.stringify(text) : text}`);
  });
  const clock = time.slice(11, 19);
  const line = [
    `${paint('2', clock)} ${paint(colours[level], level.padEnd(5))} ${printable(worded(msg))}`,
    ...facts,
  ].join('  ');
  return `${line}\n`;
}

/** The program's logger. Messages are constant text; facts are fields. */
export function createLogger({ level, pretty, colour, write, keep, worded }: LogOptions): Logger {
  const log = pino(
    {
      level,
      base: null,
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    {
      write(line: string) {
        keep?.(line);
        write(pretty ? prettyLine(line, colour, worded) : line);
      },
    },
  );
  const repeats = new Repeats();
  // Who asks for more wants all of it.
  const every = level === 'debug' || level === 'trace';
  const at =
    (name: LogLevel) =>
    (message: string, fields: Record<string, unknown> = {}): void => {
      if (every || !log.isLevelEnabled(name)) {
        log[name](fields, message);
        return;
      }
      const repeated = repeats.pass(performance.now(), message, fields);
      if (repeated === undefined) return;
      log[name](repeated === 0 ? fields : { ...fields, repeated }, message);
    };
  return { error: at('error'), warn: at('warn'), info: at('info'), debug: at('debug'), trace: at('trace') };
}

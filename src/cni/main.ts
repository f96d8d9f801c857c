/** `evio-cni`: the plugin that container runtimes call, once for each thing to be done. */
import { readSync, writeSync } from 'node:fs';
import { homeFrom } from '../core/config/home.js';
import { longestConfig, parseJson, readConfig, versionOf } from './config.js';
import type { Context } from './commands/context.js';
import { asCniError, Code, CniError } from './errors.js';
import { commandOf, parametersOf, pluginFolders, requireVersion, type Command } from './request.js';
import { writeResult } from './result.js';
import { versions, type Version } from './version.js';

/** All of standard input. Throws CniError (5). */
function readInput(): string {
  const chunks: Buffer[] = [];
  let length = 0;
  for (;;) {
    const chunk = Buffer.allocUnsafe(64 * 1024);
    let read: number;
    try {
      read = readSync(0, chunk);
    } catch (thrown) {
      const { code = '' } = thrown as NodeJS.ErrnoException;
      if (code === 'EOF') break;
      throw new CniError(Code.io, `standard input cannot be read (${code})`);
    }
    if (read === 0) break;
    length += read;
    if (length > longestConfig) throw new CniError(Code.io, 'the network configuration is too long');
    chunks.push(chunk.subarray(0, read));
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** What a command prints, undefined for nothing. */
async function answer(
  command: Exclude<Command, 'VERSION'>,
  input: Readonly<Record<string, unknown>>,
  env: NodeJS.ProcessEnv,
): Promise<unknown> {
  const config = readConfig(input);
  requireVersion(command, config);
  const context = { config, home: homeFrom(env), folders: pluginFolders(env) };
  if (config.mode === 'flat') return answerFlat(command, context, env);
  switch (command) {
    case 'ADD': {
      const { add } = await import('./commands/add.js');
      return writeResult(add(context, parametersOf(env, command)), config.version);
    }
    case 'DEL': {
      const { del } = await import('./commands/del.js');
      del(context, parametersOf(env, command));
      return undefined;
    }
    case 'CHECK': {
      const { check } = await import('./commands/check.js');
      check(context, parametersOf(env, command));
      return undefined;
    }
    case 'GC': {
      const { gc } = await import('./commands/gc.js');
      gc(context);
      return undefined;
    }
    case 'STATUS': {
      const { status } = await import('./commands/status.js');
      status(context);
      return undefined;
    }
  }
}

/** The same of mode `flat`. */
async function answerFlat(
  command: Exclude<Command, 'VERSION'>,
  context: Context,
  env: NodeJS.ProcessEnv,
): Promise<unknown> {
  switch (command) {
    case 'ADD': {
      const { add } = await import('./flat/add.js');
      return writeResult(add(context, parametersOf(env, command)), context.config.version);
    }
    case 'DEL': {
      const { del } = await import('./flat/del.js');
      del(context, parametersOf(env, command));
      return undefined;
    }
    case 'CHECK': {
      const { check } = await import('./flat/check.js');
      check(context, parametersOf(env, command));
      return undefined;
    }
    case 'GC': {
      const { gc } = await import('./flat/del.js');
      gc(context);
      return undefined;
    }
    case 'STATUS': {
      const { status } = await import('./flat/check.js');
      status(context);
      return undefined;
    }
  }
}

/** The version of answers until the configuration has said which. */
const newest = versions[versions.length - 1] ?? '1.1.0';

/** Does what the environment and standard input say; resolves to the exit status. */
export async function main(env: NodeJS.ProcessEnv = process.env): Promise<number> {
  let version: Version = newest;
  try {
    const command = commandOf(env);
    const input = parseJson(readInput());
    if (command === 'VERSION') {
      const { cniVersion = newest } = input;
      print({ cniVersion, supportedVersions: versions });
      return 0;
    }
    version = versionOf(input);
    const result = await answer(command, input, env);
    if (result !== undefined) print(result);
    return 0;
  } catch (thrown) {
    const { code, message, details } = asCniError(thrown);
    print({ cniVersion: version, code, msg: message, ...(details === '' ? {} : { details }) });
    return 1;
  }
}

/** By the descriptor itself: to make a stream of it takes longer than to start a program. */
function print(value: unknown): void {
  const bytes = Buffer.from(`${JSON.stringify(value)}\n`);
  for (let at = 0; at < bytes.length;)
    try {
      at += writeSync(1, bytes, at);
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code !== 'EAGAIN') throw thrown;
      // A pipe that is full, of a reader who wants nobody to wait.
      process.stdout.write(bytes.subarray(at));
      return;
    }
}

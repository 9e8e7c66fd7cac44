/**
 * The application of part 2: sessions and notes over HTTP, all of its data in the cache.
 *
 *     POST /login      { user }  -> { token }     durable: answered when every process and the disk have it
 *     GET  /me                   -> { user, logins, lastNote }
 *     PUT  /notes/:id  { text }  -> { user, id }  answered at once
 *
 * Every answer names the process that gave it.
 */
'use strict';

const { randomUUID } = require('node:crypto');
const http = require('node:http');

const SESSION_TTL_MS = 30 * 60_000;

function createServer(cache) {
  return http.createServer((request, response) => {
    handle(cache, request).then(
      (answer) => reply(response, 200, answer),
      (error) => reply(response, error.status ?? 500, { error: error.message }),
    );
  });
}

async function handle(cache, request) {
  const route = `${request.method} ${request.url}`;
  const body = await readJson(request);
  if (route === 'POST /login') return login(cache, body.user);

  const token = request.headers.authorization?.replace('Bearer ', '') ?? '';
  const user = cache.get(['sessions', token, 'user']);
  if (user === null) throw Object.assign(new Error('Log in first.'), { status: 401 });

  if (route === 'GET /me') {
    const { logins, lastNote = null } = cache.get(['users', user]);
    return { user, logins: Object.keys(logins).length, lastNote };
  }
  if (route.startsWith('PUT /notes/')) return putNote(cache, user, request.url.slice('/notes/'.length), body.text);
  throw Object.assign(new Error('Not found.'), { status: 404 });
}

async function login(cache, user) {
  const token = randomUUID();
  cache.set(['sessions', token], { user }, SESSION_TTL_MS);
  // Each login has a path of its own: counting up a shared number in two processes at once would lose one.
  cache.set(['users', user, 'logins', token], Date.now());
  // The client may come back through any process, and this one may be killed: answer when all have it.
  await cache.flush();
  return { token };
}

function putNote(cache, user, id, text) {
  // Paths in segments: what a client sent is never taken for dots and brackets. And leaves, not the whole
  // user: a `set` replaces everything below its path, what other processes have written there included.
  cache.set(['users', user, 'notes', id], text);
  cache.set(['users', user, 'lastNote'], id);
  return { user, id };
}

async function readJson(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return chunks.length === 0 ? {} : JSON.parse(Buffer.concat(chunks).toString());
}

function reply(response, status, answer) {
  response.statusCode = status;
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify({ ...answer, pid: process.pid }));
}

module.exports = { createServer };

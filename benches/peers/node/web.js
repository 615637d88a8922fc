// The JSON answer from Node's own HTTP server. Says its address, then serves until it is killed.
'use strict';
const http = require('node:http');

const server = http.createServer((_request, response) => {
  const body = JSON.stringify({ message: 'Hello, World!' });
  response.setHeader('Content-Type', 'application/json');
  response.end(body);
});
server.keepAliveTimeout = 75_000;
server.listen({ port: 0, host: '127.0.0.1', backlog: 1024 }, () => {
  const { address, port } = server.address();
  console.log(`${address}:${port}`);
});

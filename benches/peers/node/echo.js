// An echo server on Node. Says its address, then serves until it is killed.
'use strict';
const net = require('node:net');

const server = net.createServer({ noDelay: true }, (socket) => {
  socket.on('data', (data) => socket.write(data));
  socket.on('error', () => socket.destroy()); // the load hangs up as it likes
});
server.listen({ port: 0, host: '127.0.0.1', backlog: 1024 }, () => {
  const { address, port } = server.address();
  console.log(`${address}:${port}`);
});

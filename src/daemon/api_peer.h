/* api_peer.h - the handlers of the private program; dispatch.c has the table. */
#pragma once
#include "daemon/call.h"

/* peer_serve.c: for a connection that is attached, but for HELLO */
call_handler api_peer_hello;
call_handler api_peer_ask;
call_handler api_peer_finish;
call_handler api_peer_figures;
call_handler api_peer_ping;
call_handler api_peer_recover;
/* settle.c: the operator's */
call_handler api_peer_settle;

using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using RpcNet.Transports.Ngtcp2.Internal.Native;

namespace RpcNet.Transports.Ngtcp2.Internal;

/// <summary>
/// The functions that libngtcp2 calls. They run inside its read and write calls, so they only note what happened and never
/// call back into reading or writing; no exception leaves them.
/// </summary>
internal sealed unsafe partial class Connection
{
    private static class Callbacks
    {
        private static readonly Lazy<nint> s_client = new(() => Build(server: false));
        private static readonly Lazy<nint> s_server = new(() => Build(server: true));
        private static delegate* unmanaged[Cdecl, SuppressGCTransition]<byte*, nint, nint, byte*, nuint, byte*, nuint, byte*, nuint, int> s_decrypt;

        public static NgCallbacks* Table(bool server) => (NgCallbacks*)(server ? s_server : s_client).Value;

        private static nint Build(bool server)
        {
            var table = (NgCallbacks*)NativeMemory.AllocZeroed((nuint)sizeof(NgCallbacks));
            if (server)
            {
                table->RecvClientInitial = NativeLibraries.CryptoExport("ngtcp2_crypto_recv_client_initial_cb");
            }
            else
            {
                table->ClientInitial = NativeLibraries.CryptoExport("ngtcp2_crypto_client_initial_cb");
                table->RecvRetry = NativeLibraries.CryptoExport("ngtcp2_crypto_recv_retry_cb");
                table->RecvNewToken = (nint)(delegate* unmanaged[Cdecl]<nint, byte*, nuint, nint, int>)&RecvNewToken;
            }

            // Passed on as they are, so that crypto never enters managed code.
            table->Encrypt = NativeLibraries.CryptoExport("ngtcp2_crypto_encrypt_cb");
            table->HpMask = NativeLibraries.CryptoExport("ngtcp2_crypto_hp_mask_cb");
            table->UpdateKey = NativeLibraries.CryptoExport("ngtcp2_crypto_update_key_cb");
            table->DeleteCryptoAeadCtx = NativeLibraries.CryptoExport("ngtcp2_crypto_delete_crypto_aead_ctx_cb");
            table->DeleteCryptoCipherCtx = NativeLibraries.CryptoExport("ngtcp2_crypto_delete_crypto_cipher_ctx_cb");
            table->GetPathChallengeData = NativeLibraries.CryptoExport("ngtcp2_crypto_get_path_challenge_data_cb");
            table->VersionNegotiation = NativeLibraries.CryptoExport("ngtcp2_crypto_version_negotiation_cb");

            s_receiveCrypto = (delegate* unmanaged[Cdecl]<nint, uint, ulong, byte*, nuint, nint, int>)
                NativeLibraries.CryptoExport("ngtcp2_crypto_recv_crypto_data_cb");
            table->RecvCryptoData = (nint)(delegate* unmanaged[Cdecl]<nint, uint, ulong, byte*, nuint, nint, int>)&RecvCryptoData;
            s_decrypt = (delegate* unmanaged[Cdecl, SuppressGCTransition]<byte*, nint, nint, byte*, nuint, byte*, nuint, byte*, nuint, int>)
                NativeLibraries.CryptoExport("ngtcp2_crypto_decrypt_cb");
            table->Decrypt = (nint)(delegate* unmanaged[Cdecl]<byte*, nint, nint, byte*, nuint, byte*, nuint, byte*, nuint, int>)&Decrypt;
            table->Rand = (nint)(delegate* unmanaged[Cdecl]<byte*, nuint, nint, void>)&Rand;
            table->GetNewConnectionId = (nint)(delegate* unmanaged[Cdecl]<nint, NgCid*, byte*, nuint, nint, int>)&GetNewConnectionId;
            table->RemoveConnectionId = (nint)(delegate* unmanaged[Cdecl]<nint, NgCid*, nint, int>)&RemoveConnectionId;
            table->DcidStatus = (nint)(delegate* unmanaged[Cdecl]<nint, int, ulong, NgCid*, byte*, nint, int>)&DcidStatus;
            table->RecvTxKey = (nint)(delegate* unmanaged[Cdecl]<nint, int, nint, int>)&RecvTxKey;
            table->HandshakeCompleted = (nint)(delegate* unmanaged[Cdecl]<nint, nint, int>)&HandshakeCompleted;
            table->HandshakeConfirmed = (nint)(delegate* unmanaged[Cdecl]<nint, nint, int>)&HandshakeConfirmed;
            table->RecvStatelessReset = (nint)(delegate* unmanaged[Cdecl]<nint, nint, nint, int>)&RecvStatelessReset;
            table->PathValidation = (nint)(delegate* unmanaged[Cdecl]<nint, uint, NgPath*, NgPath*, int, nint, int>)&PathValidation;
            table->RecvStreamData =
                (nint)(delegate* unmanaged[Cdecl]<nint, uint, long, ulong, byte*, nuint, nint, nint, int>)&RecvStreamData;
            table->AckedStreamDataOffset =
                (nint)(delegate* unmanaged[Cdecl]<nint, long, ulong, ulong, nint, nint, int>)&AckedStreamData;
            table->StreamOpen = (nint)(delegate* unmanaged[Cdecl]<nint, long, nint, int>)&StreamOpen;
            table->StreamClose = (nint)(delegate* unmanaged[Cdecl]<nint, uint, long, ulong, nint, nint, int>)&StreamClose;
            table->StreamReset = (nint)(delegate* unmanaged[Cdecl]<nint, long, ulong, ulong, nint, nint, int>)&StreamReset;
            table->ExtendMaxStreamData = (nint)(delegate* unmanaged[Cdecl]<nint, long, ulong, nint, nint, int>)&ExtendMaxStreamData;
            table->ExtendMaxLocalStreamsBidi = (nint)(delegate* unmanaged[Cdecl]<nint, ulong, nint, int>)&ExtendBidirectional;
            table->ExtendMaxLocalStreamsUni = (nint)(delegate* unmanaged[Cdecl]<nint, ulong, nint, int>)&ExtendUnidirectional;
            return (nint)table;
        }

        private static delegate* unmanaged[Cdecl]<nint, uint, ulong, byte*, nuint, nint, int> s_receiveCrypto;

        private static Connection Of(nint userData) => GCHandle<Connection>.FromIntPtr(userData).Target;

        // A logger may throw as well: that waits until native frames are left.
        private static int Failed(nint userData, Exception e)
        {
            Of(userData)._callbackFailure ??= e;
            return NgError.CallbackFailure;
        }

        // libngtcp2 1.x does not tell the code of the peer's STOP_SENDING while the other direction stays open, so the
        // decrypted frames are looked at on their way.
        [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
        private static int Decrypt(
            byte* dest, nint aead, nint context, byte* cipherText, nuint cipherLength, byte* nonce, nuint nonceLength, byte* aad,
            nuint aadLength)
        {
            var result = s_decrypt(dest, aead, context, cipherText, cipherLength, nonce, nonceLength, aad, aadLength);
            if (result != 0 || cipherLength <= 16)
            {
                return result;
            }

            try
            {
                OnDecrypted(new ReadOnlySpan<byte>(dest, (int)cipherLength - 16));
                return 0;
            }
#pragma warning disable CA1031 // No exception may leave for native frames.
            catch (Exception e)
            {
                t_reading?._callbackFailure ??= e;
                return NgError.CallbackFailure;
            }
        }

        // On its own, so that it is compiled anew once it is found to be called often: a function for native callers never is.
        [MethodImpl(MethodImplOptions.NoInlining)]
        private static void OnDecrypted(ReadOnlySpan<byte> frames)
        {
            if (t_reading is { } connection)
            {
                StopSendingScanner.Scan(frames, connection._stopped);
            }
        }

        // Once TLS is let go of, a server expects nothing more of it, and a client has the ticket that it wanted.
        [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
        private static int RecvCryptoData(nint native, uint level, ulong offset, byte* data, nuint length, nint userData)
        {
            var connection = Of(userData);
            if (connection._tls is { Handle: not 0 })
            {
                return s_receiveCrypto(native, level, offset, data, length, userData);
            }

            if (!connection.IsServer)
            {
                return 0;
            }

            NgApi.SetTlsAlert(native, QuicError.AlertUnexpectedMessage);
            return NgError.Crypto;
        }

        [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
        private static void Rand(byte* dest, nuint length, nint context) => _ = GnuTls.Random(GnuTls.RandomNonce, dest, length);

        [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
        private static int GetNewConnectionId(nint native, NgCid* id, byte* token, nuint length, nint userData)
        {
            try
            {
                var connection = Of(userData);
                Debug.Assert(length == ConnectionIds.Length, "ids have one length");
                connection._owner.NewId(id);
                connection.ResetToken(id, token);
                connection.AddRoute(CidKey.From(id));
                return 0;
            }
            catch (Exception e)
            {
                return Failed(userData, e);
            }
        }

        [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
        private static int RemoveConnectionId(nint native, NgCid* id, nint userData)
        {
            try
            {
                Of(userData).RemoveRoute(CidKey.From(id));
                return 0;
            }
            catch (Exception e)
            {
                return Failed(userData, e);
            }
        }

        [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
        private static int DcidStatus(nint native, int status, ulong sequence, NgCid* id, byte* token, nint userData)
        {
            const int Activate = 0, Deactivate = 1;
            try
            {
                if (status == Activate && token != null)
                {
                    Of(userData).OnPeerIdUsed(sequence, id, Unsafe.ReadUnaligned<UInt128>(token));
                }
                else if (status == Deactivate)
                {
                    Of(userData).OnPeerIdForgotten(sequence);
                }

                return 0;
            }
            catch (Exception e)
            {
                return Failed(userData, e);
            }
        }

        // GnuTLS accepts a peer without QUIC's transport parameters, and libngtcp2 aborts the process when it writes to one. A
        // server has them before its first handshake key, a client before its last. (RFC 9001 section 8.2: missing_extension)
        [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
        private static int RecvTxKey(nint native, int level, nint userData)
        {
            const int Handshake = 1, OneRtt = 2;
            var connection = Of(userData);
            if ((level == OneRtt || (level == Handshake && connection.IsServer)) && NgApi.GetRemoteTransportParams(native) == 0)
            {
                connection._lacksParameters = true;
                return NgError.CallbackFailure;
            }

            return 0;
        }

        [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
        private static int HandshakeCompleted(nint native, nint userData)
        {
            try
            {
                var connection = Of(userData);
                connection._handshakeCompleted = true;
                if (connection.EarlyData == EarlyData.Offered)
                {
                    connection.OnEarlyDataAnswered();
                }

                return 0;
            }
            catch (Exception e)
            {
                return Failed(userData, e);
            }
        }

        [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
        private static int HandshakeConfirmed(nint native, nint userData)
        {
            try
            {
                Of(userData).OnConfirmed();
                return 0;
            }
            catch (Exception e)
            {
                return Failed(userData, e);
            }
        }

        [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
        private static int RecvStatelessReset(nint native, nint reset, nint userData)
        {
            Of(userData)._statelessReset = true;
            return 0;
        }

        [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
        private static int RecvNewToken(nint native, byte* token, nuint length, nint userData)
        {
            try
            {
                Of(userData)._tokenReceived?.Invoke(new ReadOnlySpan<byte>(token, (int)length).ToArray());
                return 0;
            }
            catch (Exception e)
            {
                return Failed(userData, e);
            }
        }

        // The peer has moved to another address, by migration or because a NAT between gave it another one.
        [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
        private static int PathValidation(nint native, uint flags, NgPath* path, NgPath* oldPath, int result, nint userData)
        {
            try
            {
                if (result == 0 && path->Remote.AddrLen <= SockAddr.Capacity)
                {
                    var remote = default(SockAddr);
                    remote.Length = path->Remote.AddrLen;
                    new ReadOnlySpan<byte>(path->Remote.Addr, (int)remote.Length).CopyTo(remote.Bytes);
                    Of(userData).OnPeerMoved(remote);
                }

                return 0;
            }
            catch (Exception e)
            {
                return Failed(userData, e);
            }
        }

        [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
        private static int RecvStreamData(
            nint native, uint flags, long id, ulong offset, byte* data, nuint length, nint userData, nint streamData)
        {
            try
            {
                var connection = Of(userData);
                connection.StreamById(id)?.OnData(
                    new ReadOnlySpan<byte>(data, (int)length), (flags & NgApi.StreamDataFlagFin) != 0);
                return 0;
            }
            catch (Exception e)
            {
                return Failed(userData, e);
            }
        }

        [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
        private static int AckedStreamData(nint native, long id, ulong offset, ulong length, nint userData, nint streamData)
        {
            try
            {
                Of(userData).StreamById(id)?.OnAcknowledged((long)length);
                return 0;
            }
            catch (Exception e)
            {
                return Failed(userData, e);
            }
        }

        [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
        private static int StreamOpen(nint native, long id, nint userData)
        {
            try
            {
                Of(userData).OnStreamOpened(id);
                return 0;
            }
            catch (Exception e)
            {
                return Failed(userData, e);
            }
        }

        [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
        private static int StreamClose(nint native, uint flags, long id, ulong code, nint userData, nint streamData)
        {
            try
            {
                var connection = Of(userData);
                connection.OnStreamClosed(id, (flags & NgApi.StreamCloseFlagErrorCodeSet) != 0 ? (long)code : null);
                return 0;
            }
            catch (Exception e)
            {
                return Failed(userData, e);
            }
        }

        [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
        private static int StreamReset(nint native, long id, ulong finalSize, ulong code, nint userData, nint streamData)
        {
            try
            {
                Of(userData).StreamById(id)?.OnReset((long)code);
                return 0;
            }
            catch (Exception e)
            {
                return Failed(userData, e);
            }
        }

        [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
        private static int ExtendMaxStreamData(nint native, long id, ulong maxData, nint userData, nint streamData)
        {
            try
            {
                var connection = Of(userData);
                if (connection.StreamById(id) is { } stream)
                {
                    connection.QueueSend(stream);
                }

                return 0;
            }
            catch (Exception e)
            {
                return Failed(userData, e);
            }
        }

        [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
        private static int ExtendBidirectional(nint native, ulong maxStreams, nint userData)
        {
            try
            {
                Of(userData)._bidirectional.Extend((long)maxStreams);
                return 0;
            }
            catch (Exception e)
            {
                return Failed(userData, e);
            }
        }

        [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
        private static int ExtendUnidirectional(nint native, ulong maxStreams, nint userData)
        {
            try
            {
                Of(userData)._unidirectional.Extend((long)maxStreams);
                return 0;
            }
            catch (Exception e)
            {
                return Failed(userData, e);
            }
#pragma warning restore CA1031
        }
    }
}

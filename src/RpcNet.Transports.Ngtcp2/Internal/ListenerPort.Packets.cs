using RpcNet.Transports.Ngtcp2.Internal.Native;

namespace RpcNet.Transports.Ngtcp2.Internal;

internal sealed unsafe partial class ListenerPort
{
    // What a peer may answer a Retry with, and for how long.
    private const ulong RetryTokenLifetime = 10_000_000_000;

    // Answers to packets of unknown connections, per second: enough to be useful, too few to be a weapon.
    private const int StatelessAnswersPerSecond = 1000;

    // The smallest packet that can be answered by a stateless reset that is smaller still and passes for a short packet.
    private const int MinResettable = 42;

    private const int HandshakePacket = 0x20;

    private ulong _statelessSecond;
    private int _statelessAnswers;

    public void OnPacket(UdpSocket socket, in SockAddr local, in SockAddr remote, byte ecn, byte* data, int length)
    {
        // Short headers, which is nearly everything: the id has our length.
        if (length > ConnectionIds.Length && (data[0] & 0x80) == 0)
        {
            if (_routes.TryGetValue(CidKey.FromShortHeader(data), out var known))
            {
                known.Receive(in local, in remote, ecn, data, length);
            }
            else if (_group.OwnerOf(data[1]) is var owner && owner != this)
            {
                HandOn(owner, in local, in remote, ecn, data, length);
            }
            else
            {
                SendStatelessReset(in local, in remote, data, length);
            }

            return;
        }

        NgVersionCid header;
        var result = NgApi.DecodeVersionCid(&header, data, (nuint)length, ConnectionIds.Length);
        if (result == NgError.VersionNegotiation)
        {
            SendVersionNegotiation(in local, in remote, &header, length);
            return;
        }

        if (result != 0 || header.DcidLen > NgCid.MaxLength)
        {
            return;
        }

        if (_routes.TryGetValue(CidKey.From(new ReadOnlySpan<byte>(header.Dcid, (int)header.DcidLen)), out var connection))
        {
            connection.Receive(in local, in remote, ecn, data, length);
            return;
        }

        // A client that moved before it was done: what is no Initial bears an id that this side gave out.
        if ((data[0] & 0x30) == HandshakePacket && header.DcidLen == ConnectionIds.Length
            && _group.OwnerOf(header.Dcid[0]) is var other && other != this)
        {
            HandOn(other, in local, in remote, ecn, data, length);
            return;
        }

        OnInitial(in local, in remote, ecn, data, length);
    }

    private void OnInitial(in SockAddr local, in SockAddr remote, byte ecn, byte* data, int length)
    {
        NgPacketHeader header;
        if (_listener is not { } listener || NgApi.Accept(&header, data, (nuint)length) != 0)
        {
            return;
        }

        NgCid originalDcid;
        var proof = AddressProof.None;
        if (header.TokenLen > 0 && header.Token[0] == NgCrypto.TokenMagicRetry2)
        {
            if (!VerifyRetryToken(listener, &header, in remote, &originalDcid))
            {
                Refuse(in local, in remote, &header, QuicError.InvalidToken);
                return;
            }

            proof = AddressProof.Retry;
        }
        else if (header.TokenLen > 0 && VerifyRegularToken(listener, &header, in remote))
        {
            proof = AddressProof.EarlierConnection;
        }

        if (proof == AddressProof.None && NeedsRetry(listener))
        {
            SendRetry(listener, in local, in remote, &header);
            return;
        }

        if (listener.HalfOpen >= listener.Engine.MaxHalfOpenConnections)
        {
            return;
        }

        if (listener.Waiting >= listener.Options.Backlog)
        {
            Refuse(in local, in remote, &header, QuicError.ConnectionRefused);
            return;
        }

        try
        {
            listener.HalfOpen++;
            var connection = Connection.Accept(
                Loop, _socket, listener, listener.Options, in local, in remote, &header, proof, &originalDcid);
            listener.Add(connection);
            connection.Receive(in local, in remote, ecn, data, length);
        }
        catch (TransportException e)
        {
            listener.HalfOpen--;
            listener.LogAcceptFailure(remote, e);
        }
    }

    // A hello that fails at once is never half-open for long, and still costs a key exchange and a signature.
    private bool NeedsRetry(ListenerShard listener) => listener.Engine.Retry switch
    {
        Ngtcp2RetryPolicy.Always => true,
        Ngtcp2RetryPolicy.UnderLoad => listener.HalfOpen + listener.Failed.Recent(Loop.Now) >= listener.Engine.RetryThreshold,
        _ => false,
    };

    // An unreadable or outdated one is no offence: the client is as unknown as any (RFC 9000 section 8.1.3).
    private bool VerifyRegularToken(ListenerShard listener, NgPacketHeader* header, in SockAddr remote)
    {
        if (header->Token[0] != NgCrypto.TokenMagicRegular || listener.Engine.AddressTokenLifetime == TimeSpan.Zero)
        {
            return false;
        }

        fixed (byte* secret = listener.ResetKey)
        fixed (SockAddr* address = &remote)
        {
            return NgCrypto.VerifyRegularToken(
                header->Token, header->TokenLen, secret, (nuint)listener.ResetKey.Length, (byte*)address, address->Length,
                (ulong)listener.Engine.AddressTokenLifetime.Ticks * 100, Loop.WallClock()) == 0;
        }
    }

    private bool VerifyRetryToken(ListenerShard listener, NgPacketHeader* header, in SockAddr remote, NgCid* originalDcid)
    {
        fixed (byte* secret = listener.ResetKey)
        fixed (SockAddr* address = &remote)
        {
            return NgCrypto.VerifyRetryToken(
                originalDcid, header->Token, header->TokenLen, secret, (nuint)listener.ResetKey.Length, header->Version, (byte*)address,
                address->Length, &header->Dcid, RetryTokenLifetime, Loop.WallClock()) == 0;
        }
    }

    private void SendRetry(ListenerShard listener, in SockAddr local, in SockAddr remote, NgPacketHeader* header)
    {
        NgCid scid;
        ConnectionIds.Fill(&scid, ConnectionIds.Length);
        var token = stackalloc byte[NgCrypto.MaxRetryToken];
        nint tokenLength;
        fixed (byte* secret = listener.ResetKey)
        fixed (SockAddr* address = &remote)
        {
            tokenLength = NgCrypto.GenerateRetryToken(
                token, secret, (nuint)listener.ResetKey.Length, header->Version, (byte*)address, address->Length, &scid, &header->Dcid,
                Loop.WallClock());
        }

        if (tokenLength > 0)
        {
            Answer(in local, in remote, NgCrypto.WriteRetry(
                Loop.SendBuffer, NgApi.MinInitialDatagram, header->Version, &header->Scid, &scid, &header->Dcid, token,
                (nuint)tokenLength));
        }
    }

    private void Refuse(in SockAddr local, in SockAddr remote, NgPacketHeader* header, ulong code) =>
        Answer(in local, in remote, NgCrypto.WriteConnectionClose(
            Loop.SendBuffer, NgApi.MinInitialDatagram, header->Version, &header->Scid, &header->Dcid, code, null, 0));

    private void SendVersionNegotiation(in SockAddr local, in SockAddr remote, NgVersionCid* header, int length)
    {
        if (length < NgApi.MinInitialDatagram || !MayAnswer())
        {
            return;
        }

        byte random;
        _ = GnuTls.Random(GnuTls.RandomNonce, &random, 1);
        // A reserved version first (RFC 9000 section 15), so that clients stay used to unknown ones.
        var versions = stackalloc uint[] { 0x1a2a3a4au, NgApi.ProtocolVersion1 };
        Answer(in local, in remote, NgApi.WriteVersionNegotiation(
            Loop.SendBuffer, NgApi.MinInitialDatagram, random, header->Scid, header->ScidLen, header->Dcid, header->DcidLen,
            versions, 2));
    }

    private void SendStatelessReset(in SockAddr local, in SockAddr remote, byte* data, int length)
    {
        if (_listener is not { } listener || length < MinResettable || !MayAnswer())
        {
            return;
        }

        NgCid id;
        id.DataLen = ConnectionIds.Length;
        new ReadOnlySpan<byte>(data + 1, ConnectionIds.Length).CopyTo(new Span<byte>(id.Data, ConnectionIds.Length));
        var token = stackalloc byte[16];
        fixed (byte* secret = listener.ResetKey)
        {
            if (NgCrypto.GenerateStatelessResetToken(token, secret, (nuint)listener.ResetKey.Length, &id) != 0)
            {
                return;
            }
        }

        // Smaller than what caused it, so that two ends without state cannot answer each other for ever.
        var size = Math.Min(length - 1, 64);
        var random = stackalloc byte[64];
        _ = GnuTls.Random(GnuTls.RandomNonce, random, (nuint)(size - 16));
        Answer(in local, in remote, NgApi.WriteStatelessReset(Loop.SendBuffer, (nuint)size, token, random, (nuint)(size - 16)));
    }

    private bool MayAnswer()
    {
        var second = Loop.Now / 1_000_000_000;
        if (second != _statelessSecond)
        {
            _statelessSecond = second;
            _statelessAnswers = 0;
        }

        return ++_statelessAnswers <= StatelessAnswersPerSecond;
    }

    private void Answer(in SockAddr local, in SockAddr remote, nint length)
    {
        if (length > 0)
        {
            var to = remote;
            var from = local;
            _socket.Send(Loop.SendBuffer, (int)length, (int)length, 0, &to, &from);
        }
    }
}

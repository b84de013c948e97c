using System.Numerics;
using RpcNet.Transports.Ngtcp2.Internal.Native;

namespace RpcNet.Transports.Ngtcp2.Internal;

internal sealed unsafe partial class Connection
{
    private byte[]? _closePacket;
    private uint _packetsWhileClosing;

    /// <summary>Closes from this side with an application's or a transport's code.</summary>
    public void CloseLocally(TransportException reason, ulong code, bool application)
    {
        NgConnectionCloseError error;
        if (application)
        {
            NgApi.CloseErrorSetApplication(&error, code, null, 0);
        }
        else
        {
            NgApi.CloseErrorSetTransport(&error, code, null, 0);
        }

        Close(reason, &error);
    }

    private void CloseWithAlert(TransportException reason, byte alert)
    {
        NgConnectionCloseError error;
        NgApi.CloseErrorSetTlsAlert(&error, alert, null, 0);
        Close(reason, &error);
    }

    private void CloseWithLibraryError(TransportException reason, int result)
    {
        NgConnectionCloseError error;
        NgApi.CloseErrorSetLibrary(&error, result, null, 0);
        Close(reason, &error);
    }

    private void Close(TransportException reason, NgConnectionCloseError* error)
    {
        _loop.AssertOwned();
        if (_state >= ConnectionState.Closing)
        {
            return;
        }

        SockAddr local = _local, remote = _remote;
        var path = PathOf(&local, &remote);
        NgPacketInfo info;
        var written = NgApi.WriteConnectionClose(
            Native, &path, NgApi.PacketInfoVersion, &info, _loop.SendBuffer, (nuint)_maxPayload, error, _loop.Now);
        if (written > 0)
        {
            _local = local;
            _remote = remote;
            _closePacket = new ReadOnlySpan<byte>(_loop.SendBuffer, (int)written).ToArray();
            EnterFinalPeriod(ConnectionState.Closing);
            SendClose();
            Finish(reason);
        }
        else
        {
            // Before the first keys there is nothing to say it with.
            EndSilently(reason);
        }
    }

    /// <summary>Ends without a word to the peer.</summary>
    private void EndSilently(TransportException reason)
    {
        Finish(reason);
        Free();
    }

    /// <summary>Ends at once, for a loop that stops: the peer is told, nothing lingers.</summary>
    public void Abandon()
    {
        if (_state < ConnectionState.Closing)
        {
            CloseLocally(Failures.Disposed("The listener"), (ulong)_options.DefaultCloseErrorCode, application: true);
        }

        Free();
    }

    // Late packets must find the connection for three PTOs (RFC 9000 section 10.2).
    private void EnterFinalPeriod(ConnectionState state)
    {
        _state = state;
        _loop.SetTimer(this, _loop.Now + (3 * NgApi.GetPto(Native)));
    }

    // Answered ever more rarely, so that two closing sides cannot keep each other busy.
    private void RepeatClose()
    {
        if (BitOperations.IsPow2(++_packetsWhileClosing))
        {
            SendClose();
        }
    }

    private void SendClose()
    {
        SockAddr local = _local, remote = _remote;
        fixed (byte* packet = _closePacket)
        {
            _socket.Send(packet, _closePacket!.Length, _closePacket.Length, 0, &remote, &local);
        }
    }
}

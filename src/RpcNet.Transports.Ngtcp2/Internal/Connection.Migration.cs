using RpcNet.Transports.Ngtcp2.Internal.Native;

namespace RpcNet.Transports.Ngtcp2.Internal;

internal sealed unsafe partial class Connection
{
    // A network that comes and goes does not have a client change its address with every packet.
    private const ulong MigrationInterval = 1_000_000_000;

    private ulong _mayMigrateAt;

    /// <summary>
    /// Moves a client's connection to another local address (RFC 9000 section 9.2). Loop's thread; not within a callback.
    /// </summary>
    /// <returns>Whether it has moved; not while the handshake is under way or the peer has given no spare connection id.</returns>
    public bool Migrate()
    {
        _loop.AssertOwned();
        if (IsServer || _state != ConnectionState.Established || !_confirmed)
        {
            return false;
        }

        if (_owner.OpenSocket(_remote.ToEndPoint(), _socket.Sink) is not { } next)
        {
            return false;
        }

        SockAddr local = next.Local, remote = _remote;
        var path = PathOf(&local, &remote);
        if (NgApi.InitiateImmediateMigration(Native, &path, _loop.Now) != 0)
        {
            next.Dispose();
            return false;
        }

        _loop.AddSocket(next);
        _loop.RemoveSocket(_socket);
        _socket = next;
        _local = local;
        LocalEndPoint = local.ToEndPoint();
        _loop.ScheduleWrite(this);
        return true;
    }

    // The address that the socket is bound to has gone, as when a machine changes its network.
    private void MigrateAfter(int error)
    {
        if (!IsServer && _state == ConnectionState.Established && _loop.Now >= _mayMigrateAt
            && error is LibC.ErrNo_AddrNotAvail or LibC.ErrNo_NetDown or LibC.ErrNo_NetUnreach)
        {
            _mayMigrateAt = _loop.Now + MigrationInterval;
            _loop.Post(() => Migrate());
        }
    }
}

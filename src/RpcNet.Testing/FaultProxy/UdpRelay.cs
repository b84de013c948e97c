using System.Net;
using System.Net.Sockets;

namespace RpcNet.Testing.FaultProxy;

/// <summary>One client of the proxy and the socket that stands for it towards the target.</summary>
internal sealed class UdpRelay(SocketAddress client, Socket socket)
{
    private volatile Socket _socket = socket;

    public SocketAddress Client => client;

    /// <summary>The socket in use; a rebinding replaces it.</summary>
    public Socket Socket
    {
        get => _socket;
        set => _socket = value;
    }
}

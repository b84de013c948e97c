using System.Security.Cryptography.X509Certificates;

namespace RpcNet.LoadTest.Systems;

/// <summary>The server's side of a system.</summary>
internal abstract class LoadServer : IAsyncDisposable
{
    /// <summary>Starts to serve on 127.0.0.1.</summary>
    /// <returns>The port.</returns>
    public abstract Task<int> StartAsync(X509Certificate2 identity);

    public abstract ValueTask DisposeAsync();
}

namespace RpcNet.Hosting;

/// <summary>
/// One of the further servers of a process, added by <c>AddRpcNet("name")</c>. Configuration section
/// <c>RpcNet:Servers:&lt;name&gt;</c>.
/// </summary>
/// <remarks>It shares the engine and <c>RpcNet:Transport</c> with the process's own server, and has a port of its own.</remarks>
public sealed class RpcNetNamedServerOptions
{
    /// <summary>Where the server listens.</summary>
    public RpcNetListenOptions Listen { get; set; } = new();

    /// <summary>How its calls are served.</summary>
    public RpcNetServerOptions Server { get; set; } = new();

    /// <summary>Who it is, and whose client certificates it accepts; what is not set comes from <c>RpcNet:Certificates</c>.</summary>
    public RpcNetServerCertificateOptions Certificates { get; set; } = new();
}

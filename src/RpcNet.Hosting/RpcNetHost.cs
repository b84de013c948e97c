using Microsoft.Extensions.DependencyInjection;
using RpcNet.Hosting;

namespace Microsoft.Extensions.Hosting;

/// <summary>Runs a host so that a wrong setting is a message and an exit code, not an unhandled exception.</summary>
public static class RpcNetHost
{
    /// <summary>
    /// Runs the host until it is stopped, and disposes it. When RpcNet cannot start, the host logs the reason and the process ends.
    /// </summary>
    /// <param name="host">The host.</param>
    /// <param name="cancellationToken">Stops the host.</param>
    /// <returns>
    /// The process's exit code: 0 after an orderly end; 1 when RpcNet could not start or broke; another where the application set
    /// <see cref="Environment.ExitCode"/>.
    /// </returns>
    public static async Task<int> RunAsync(IHost host, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(host);
        try
        {
            await StartAndWaitAsync(host, cancellationToken).ConfigureAwait(false);
            return Environment.ExitCode;
        }
        catch (RpcNetStartupException)
        {
            // The host has logged it.
            return 1;
        }
        finally
        {
            await ((IAsyncDisposable)host).DisposeAsync().ConfigureAwait(false);
        }
    }

    private static async Task StartAndWaitAsync(IHost host, CancellationToken cancellationToken)
    {
        var stopping = host.Services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping;
        try
        {
            await host.StartAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            // Interrupted while it started: what has started is stopped in order, so that a node already seen by others leaves.
            await host.StopAsync(CancellationToken.None).ConfigureAwait(false);
            return;
        }

        await host.WaitForShutdownAsync(cancellationToken).ConfigureAwait(false);
    }
}

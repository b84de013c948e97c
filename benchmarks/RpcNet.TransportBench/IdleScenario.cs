using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using RpcNet.Transports;

namespace RpcNet.TransportBench;

/// <summary>What idle connections cost and whether each still answers, both ends in this process.</summary>
internal static partial class IdleScenario
{
    private const int Openers = 32;
    private static readonly TimeSpan s_rest = TimeSpan.FromSeconds(5);

    public static async Task RunAsync(Engine engine, int count)
    {
        var transport = engine.Create();
        var options = Scenarios.IdleOptions();
        await using var listener = await transport.ListenAsync(options.Listener);
        var servers = new List<ITransportConnection>(count);
        var clients = new List<ITransportConnection>(count);

        // What a first connection sets up once is none of the others' cost.
        await OpenAsync(transport, listener, options.Connect(listener.LocalEndPoint), clients, servers, Openers);
        var before = Memory.Now();
        var start = Stopwatch.GetTimestamp();
        await OpenAsync(transport, listener, options.Connect(listener.LocalEndPoint), clients, servers, count);
        var opened = Stopwatch.GetElapsedTime(start);
        await Task.Delay(s_rest);
        var after = Memory.Now();
        var lost = clients.Concat(servers).Count(static c => c.Closed.IsCompleted);
        var answering = servers.ConvertAll(static server => Task.Run(() => AnswerAsync(server)));
        start = Stopwatch.GetTimestamp();
        await Task.WhenAll(clients.Chunk((clients.Count / Openers) + 1).Select(static part => Task.Run(async () =>
        {
            foreach (var client in part)
            {
                await AskAsync(client);
            }
        })));
        var answered = Stopwatch.GetElapsedTime(start);
        await Task.WhenAll(answering);
        var per = 2.0 * count * 1024;
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"  idle                     {count:N0} connections opened in {opened.TotalSeconds:N1} s, {lost} lost in {s_rest.TotalSeconds:N0} s, all answered in {answered.TotalSeconds:N1} s"));
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"  idle, KiB an end         {(after.Managed - before.Managed) / per:N1} managed + {(after.Native - before.Native) / per:N1} native (malloc) = {(after.Managed + after.Native - before.Managed - before.Native) / per:N1}; resident set {(after.Resident - before.Resident) / per:N1}"));
        foreach (var connection in clients.Concat(servers))
        {
            await connection.DisposeAsync();
        }
    }

    private static async Task OpenAsync(
        ITransport transport, ITransportListener listener, TransportConnectOptions options, List<ITransportConnection> clients,
        List<ITransportConnection> servers, int count)
    {
        var accepting = Task.Run(async () =>
        {
            for (var i = 0; i < count; i++)
            {
                servers.Add(await listener.AcceptAsync());
            }
        });
        var left = count;
        await Task.WhenAll(Enumerable.Range(0, Openers).Select(_ => Task.Run(async () =>
        {
            while (Interlocked.Decrement(ref left) >= 0)
            {
                var client = await transport.ConnectAsync(options);
                lock (clients)
                {
                    clients.Add(client);
                }
            }
        })));
        await accepting;
    }

    private static async Task AskAsync(ITransportConnection client)
    {
        await using var stream = await client.OpenStreamAsync(TransportStreamDirection.Bidirectional);
        await stream.WriteAsync(new byte[100], endStream: true);
        var buffer = new byte[200];
        while (await stream.ReadAsync(buffer) > 0)
        {
        }
    }

    private static async Task AnswerAsync(ITransportConnection server)
    {
        await using var stream = await server.AcceptStreamAsync();
        var buffer = new byte[200];
        int read;
        do
        {
            read = await stream.ReadAsync(buffer);
            await stream.WriteAsync(buffer.AsMemory(0, read), endStream: read == 0);
        }
        while (read > 0);
    }

    private readonly record struct Memory(long Managed, long Native, long Resident)
    {
        public static Memory Now()
        {
            for (var i = 0; i < 2; i++)
            {
                GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
                GC.WaitForPendingFinalizers();
            }

            var information = MallInfo2();
            return new Memory(
                GC.GetTotalMemory(forceFullCollection: false),
                (long)(information.InUse + information.Mapped),
                Environment.WorkingSet);
        }
    }

    // glibc's struct mallinfo2; all in bytes.
    [StructLayout(LayoutKind.Sequential)]
    private struct MallocInformation
    {
        public nuint Arena;
        public nuint FreeChunks;
        public nuint FastChunks;
        public nuint MappedRegions;
        public nuint Mapped;
        public nuint Unused;
        public nuint FastFree;
        public nuint InUse;
        public nuint Free;
        public nuint Trimmable;
    }

    [LibraryImport("libc", EntryPoint = "mallinfo2")]
    private static partial MallocInformation MallInfo2();
}

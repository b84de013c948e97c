using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using RpcNetService1;

// Serves; with --call NAME calls the server instead.
var builder = Host.CreateApplicationBuilder(args);
if (builder.Configuration["call"] is { } name)
{
    builder.Services.AddRpcClient<IGreeter>(o => o.Address ??= builder.Configuration["RpcNet:Listen:Address"]);
    using var client = builder.Build();
    await client.StartAsync();
    var greeting = await client.Services.GetRequiredService<IGreeter>().GreetAsync(name);
    Console.WriteLine($"{greeting.Text} (after {greeting.Before} others)");
    await client.StopAsync();
    return 0;
}

builder.Services.AddSingleton<GreetingCounter>();
builder.Services.AddRpcNet(builder.Configuration.GetSection("RpcNet")).AddService<IGreeter, Greeter>();
return await RpcNetHost.RunAsync(builder.Build());

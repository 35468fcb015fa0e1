use toolgate_benches::*;
fn main(){
    let args: Vec<usize> = std::env::args().skip(1).map(|a| a.parse().unwrap()).collect();
    let t=std::time::Instant::now();
    let world = workload::World::new(workload::Size{policies:args[0],tools:args[1],grants:args[2]});
    let calls = calls::calls(&world, 4096);
    eprintln!("gen {:?} args avg {}", t.elapsed(), calls.iter().map(|c|c.arguments.len()).sum::<usize>()/calls.len());
    let t=std::time::Instant::now();
    let engine = engine::load(&world);
    eprintln!("load {:?} {:?}", t.elapsed(), engine);
    let mut n=std::collections::BTreeMap::new();
    let t=std::time::Instant::now();
    for c in &calls[..args[3]] { let d=engine::decide(&engine,c); *n.entry((d.outcome,d.reason)).or_insert(0)+=1; }
    eprintln!("{:?} a call", t.elapsed()/args[3] as u32);
    for (k,v) in n { println!("{k:?} {v}"); }
    let s: Vec<usize> = calls[..1024].iter().map(|c| calls::in_scope(&world,c)).collect();
    println!("in scope mean {} max {}", s.iter().sum::<usize>() as f64/1024.0, s.iter().max().unwrap());
    if args.len()>4 { println!("{}", world.cedar()); }
}
